"""What was erased: a ledger that keeps only a hash of it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile

from sqlalchemy import insert, select

from core.storage.database import Database
from core.storage.tables import erasures


class Subject(StrEnum):
    """What can be erased. The values are stored. Documents that are `kept_out` are not brought in again; an `adapter`
    was trained on what is erased."""

    DOCUMENT = "document"
    AUTHOR = "author"
    KEPT_OUT = "kept_out"
    ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class Erasure:
    """That something was erased: when, by whom, how many rows of what. `subject_sha256` is the hash of the document's
    URI or of the author's name. Of an adapter the receipt has the digest."""

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

    def adapters(self, subject: str) -> set[str]:
        """The digests of the adapters that an erasure of the subject found, if it was killed before it could tell."""
        query = select(erasures.c.kind, erasures.c.receipt).where(erasures.c.subject_sha256 == _hash(subject))
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(erasures.c.at.desc())).all()
        unfinished = takewhile(lambda row: row.kind == Subject.ADAPTER, rows)
        return {digest for row in unfinished for digest in row.receipt}


def _hash(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
