"""What was erased: a ledger that keeps only a hash of it, and the walk through stored rows that erasing takes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Table, delete, insert, select, update

from core.storage.database import Database
from core.storage.tables import erasures

# Rows that are read and changed in one transaction: others can write in between.
_BATCH = 200

# Of a row's columns: what is to be otherwise, nothing if it may stay, None if it is to go.
Change = Callable[[Row[Any]], Mapping[str, Any] | None]


class Subject(StrEnum):
    """What can be erased. The values are stored. Documents that are `kept_out` are not brought in again."""

    DOCUMENT = "document"
    AUTHOR = "author"
    KEPT_OUT = "kept_out"


@dataclass(frozen=True, slots=True)
class Erasure:
    """That something was erased: when, by whom, how many rows of what. `subject_sha256` is the hash of the document's
    URI or of the author's name."""

    id: str
    at: datetime
    actor: str
    kind: Subject
    subject_sha256: str
    receipt: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ErasedSubjects:
    """Knows what was erased when it sees it: `uri in erased`."""

    sha256s: frozenset[str] = frozenset()

    def __contains__(self, subject: str) -> bool:
        return bool(self.sha256s) and _hash(subject) in self.sha256s


class ErasureRepository:
    """The ledger of erasures. Rows are only ever added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, kind: Subject, subject: str, actor: str, receipt: Mapping[str, int]) -> None:
        """Put on record that the subject was erased, without its name."""
        erased = {"id": str(uuid.uuid4()), "at": datetime.now(UTC), "actor": actor, "kind": kind.value}
        with self._database.transaction() as connection:
            connection.execute(insert(erasures), {**erased, "subject_sha256": _hash(subject), "receipt": dict(receipt)})

    def all(self) -> list[Erasure]:
        """Every erasure, newest first."""
        query = select(erasures).order_by(erasures.c.at.desc(), erasures.c.id)
        with self._database.transaction() as connection:
            return [Erasure(**row._asdict() | {"kind": Subject(row.kind)}) for row in connection.execute(query)]

    def subjects(self, kind: Subject) -> ErasedSubjects:
        """Everything of this kind that was erased."""
        query = select(erasures.c.subject_sha256).where(erasures.c.kind == kind).distinct()
        with self._database.transaction() as connection:
            return ErasedSubjects(frozenset(connection.execute(query).scalars()))


def rewrite(database: Database, table: Table, columns: Iterable[str], change: Change) -> int:
    """Let `change` look at the key and these columns of every row, a batch at a time, and do what it says. Returns how
    many rows were changed or removed. For tables with one key column."""
    (key,) = table.primary_key
    query = select(key, *(table.c[name] for name in columns))
    last, changed = "", 0
    while True:
        with database.transaction() as connection:
            rows = connection.execute(query.where(key > last).order_by(key).limit(_BATCH)).all()
            for row in rows:
                new = change(row)
                if new is None:
                    changed += connection.execute(delete(table).where(key == row[0])).rowcount
                elif new:
                    changed += connection.execute(update(table).where(key == row[0]).values(**new)).rowcount
        if not rows:
            return changed
        last = rows[-1][0]


def _hash(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
