"""The ledger of prompts: which text each version had when a release or an evaluation first used it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.storage.database import Database
from core.storage.tables import prompt_ledger


@dataclass(frozen=True, slots=True)
class PromptOrigin:
    """Where a prompt's file lies in a Git repository: the commit checked out, and the path from the repository's root.
    `modified` says that the commit holds another text there, or none."""

    commit: str
    path: str
    modified: bool


@dataclass(frozen=True, slots=True)
class UsedPrompt:
    """A version as it was first used. `text` is its file's, `sha256` that text's, `file` where it lay."""

    name: str
    version: int
    sha256: str
    text: str
    file: str
    origin: PromptOrigin | None
    at: datetime


class PromptLedger:
    """A version enters once and never changes; only of its origin more may become known, when it is committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str, version: int) -> UsedPrompt | None:
        query = select(prompt_ledger).where(prompt_ledger.c.name == name, prompt_ledger.c.version == version)
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return _used(row) if row else None

    def all(self) -> list[UsedPrompt]:
        """Every version, by name and version."""
        query = select(prompt_ledger).order_by(prompt_ledger.c.name, prompt_ledger.c.version)
        with self._database.transaction() as connection:
            return [_used(row) for row in connection.execute(query)]

    def keep(self, used: UsedPrompt) -> UsedPrompt:
        """Enter a version, unless it is there already. Returns the entry that stands, which may have another text."""
        try:
            with self._database.transaction() as connection:
                connection.execute(insert(prompt_ledger), asdict(used))
        except IntegrityError:
            pass  # it was there, or somebody else came first; theirs stands
        stands = self.get(used.name, used.version)
        if stands is None:  # pragma: no cover - the insert above either succeeded or found one
            raise AssertionError(f"prompt {used.name} {used.version} is not in the ledger")
        return stands

    def trace(self, used: UsedPrompt, origin: PromptOrigin) -> None:
        """Say where the entry's text lies now."""
        entry = (prompt_ledger.c.name == used.name) & (prompt_ledger.c.version == used.version)
        with self._database.transaction() as connection:
            connection.execute(update(prompt_ledger).where(entry).values(origin=asdict(origin)))


def _used(row: Row[Any]) -> UsedPrompt:
    content = row._asdict()
    origin = content.pop("origin")
    return UsedPrompt(**content, origin=PromptOrigin(**origin) if origin else None)
