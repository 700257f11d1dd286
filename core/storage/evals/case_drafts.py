"""Drafts of evaluation cases: proposed by a program, waiting for a person to accept or discard each, once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import Connection, Row, func, insert, select, update

from core.storage.database import Database
from core.storage.erasure import Changed, Tables, Traces, rewrite
from core.storage.evals.datasets import DatasetVersion, StoredCase, extend, retried
from core.storage.tables import case_drafts

DRAFT, ACCEPTED, DISCARDED = "draft", "accepted", "discarded"


@dataclass(frozen=True, slots=True)
class CaseDraft:
    """A draft: `content` is a case as JSON; `state` is draft, accepted or discarded."""

    id: str
    dataset: str
    content: Mapping[str, Any]
    state: str
    created_by: str
    decided_by: str | None
    created_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision. `missed` are drafts that someone else had decided before, or that are not there."""

    accepted: tuple[str, ...]
    discarded: tuple[str, ...]
    missed: tuple[str, ...]
    version: DatasetVersion | None


class CaseDraftRepository:
    """Drafts by dataset, oldest first."""

    erases: ClassVar[Tables] = (case_drafts,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, dataset: str, contents: Sequence[Mapping[str, Any]], created_by: str) -> list[str]:
        """Store new drafts and return their ids."""
        now = datetime.now(UTC)
        rows: list[dict[str, Any]] = [
            {
                "id": str(uuid.uuid4()), "dataset": dataset, "content": dict(content), "state": DRAFT,
                "created_by": created_by, "decided_by": None, "decided_at": None,
                "created_at": now + timedelta(microseconds=place),  # they are listed in the order they were drafted
            }
            for place, content in enumerate(contents)
        ]  # fmt: skip
        if rows:
            with self._database.transaction() as connection:
                connection.execute(insert(case_drafts), rows)
        return [row["id"] for row in rows]

    def waiting(self, dataset: str, limit: int = 1000) -> list[CaseDraft]:
        """The dataset's drafts that nobody has decided, oldest first."""
        query = select(case_drafts).where(case_drafts.c.dataset == dataset, case_drafts.c.state == DRAFT)
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(case_drafts.c.created_at, case_drafts.c.id).limit(limit)).all()
        return [_draft(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many drafts wait, by dataset; only those with any."""
        query = select(case_drafts.c.dataset, func.count()).where(case_drafts.c.state == DRAFT)
        with self._database.transaction() as connection:
            found = connection.execute(query.group_by(case_drafts.c.dataset).order_by(case_drafts.c.dataset))
            return {row[0]: row[1] for row in found}

    def contents(self, dataset: str) -> list[Mapping[str, Any]]:
        """What every draft of the dataset says, decided or not: what was discarded once is not proposed again."""
        query = select(case_drafts.c.content).where(case_drafts.c.dataset == dataset)
        with self._database.transaction() as connection:
            return list(connection.execute(query).scalars())

    def get(self, ids: Iterable[str]) -> dict[str, CaseDraft]:
        """Those of the drafts that are there, by id."""
        query = select(case_drafts).where(case_drafts.c.id.in_(list(ids)))
        with self._database.transaction() as connection:
            return {row.id: _draft(row) for row in connection.execute(query)}

    def decide(
        self, dataset: str, accepted: Mapping[str, StoredCase], discarded: Sequence[str], *, by: str, reason: str
    ) -> Decided:
        """Accept drafts as these cases, which together make one new version of the dataset, and discard others.

        All in one step. A draft is decided once: whoever comes second decides nothing and is told.
        """

        def work(connection: Connection) -> Decided:
            taken = [draft for draft in accepted if _claim(connection, dataset, draft, ACCEPTED, by)]
            dropped = [draft for draft in discarded if _claim(connection, dataset, draft, DISCARDED, by)]
            missed = [draft for draft in (*accepted, *discarded) if draft not in taken and draft not in dropped]
            cases = [accepted[draft] for draft in taken]
            version = extend(connection, dataset, cases, created_by=by, reason=reason) if cases else None
            return Decided(tuple(taken), tuple(dropped), tuple(missed), version)

        return retried(self._database, work)

    def erase(self, traces: Traces) -> dict[str, int]:
        def change(row: Row[Any]) -> Changed:
            return None if traces.draft(row.content) else {}

        return {"drafts": rewrite(self._database, case_drafts, ("content",), change)}


def _claim(connection: Connection, dataset: str, draft_id: str, state: str, by: str) -> bool:
    ours = (case_drafts.c.id == draft_id, case_drafts.c.dataset == dataset, case_drafts.c.state == DRAFT)
    change = update(case_drafts).where(*ours).values(state=state, decided_by=by, decided_at=datetime.now(UTC))
    return connection.execute(change).rowcount == 1


def _draft(row: Row[Any]) -> CaseDraft:
    return CaseDraft(**row._asdict())
