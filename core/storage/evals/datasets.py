"""Evaluation datasets: cases by what they say, and versions that list them. What is stored here never changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError
from core.storage.database import Database
from core.storage.erasure import Tables, Traces, every
from core.storage.tables import dataset_versions, evaluation_cases
from core.types import digest

# Rows per statement: SQLite and PostgreSQL both limit the number of bound values.
_BATCH = 500
# What is left of a case that was erased: its hash, which versions and evaluations name, and that it is gone.
_ERASED: Mapping[str, Any] = {"erased": True}
# Versions of one dataset that may be stored at the same moment before one of them gives up.
_ATTEMPTS = 20

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case as the database knows it: its hash, and what it says."""

    sha256: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A version of a dataset: `cases` are the hashes of its cases in order, `sha256` the hash of that list."""

    dataset: str
    version: int
    sha256: str
    cases: tuple[str, ...]
    created_by: str
    reason: str
    created_at: datetime


class DatasetRepository:
    """Versions of datasets, counted from 1 for each, and the cases they share."""

    erases: ClassVar[Tables] = (evaluation_cases,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, dataset: str, cases: Sequence[StoredCase], *, created_by: str, reason: str) -> DatasetVersion:
        """Store the cases as the next version; the version there is, if one says the same. All of it or nothing."""
        return retried(
            self._database,
            lambda connection: add_version(connection, dataset, cases, created_by=created_by, reason=reason),
        )

    def get(self, dataset: str, version: int | None = None) -> DatasetVersion | None:
        """This version, or the newest."""
        with self._database.transaction() as connection:
            return find_version(connection, dataset, version)

    def versions(self, dataset: str) -> list[DatasetVersion]:
        """All versions of a dataset, oldest first."""
        query = select(dataset_versions).where(dataset_versions.c.dataset == dataset)
        with self._database.transaction() as connection:
            return [_version(row) for row in connection.execute(query.order_by(dataset_versions.c.version))]

    def newest(self) -> list[DatasetVersion]:
        """The newest version of every dataset, by name."""
        query = select(dataset_versions).order_by(dataset_versions.c.dataset, dataset_versions.c.version)
        with self._database.transaction() as connection:
            found = {row.dataset: _version(row) for row in connection.execute(query)}
        return list(found.values())

    def contents(self, sha256s: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """What each of these cases says, by hash, as far as they are known and were not erased."""
        with self._database.transaction() as connection:
            return case_contents(connection, sha256s)

    def every_case(self) -> Iterator[StoredCase]:
        """Every case that any version has or had, some at a time."""
        return (StoredCase(row.sha256, row.content) for row in every(self._database, select(evaluation_cases)))

    def erase(self, traces: Traces) -> dict[str, int]:
        """Take cases out of every dataset and forget what they say."""
        gone = traces.cases
        if gone:
            why = f"{len(gone)} cases were erased." if len(gone) > 1 else "A case was erased."
            retried(self._database, lambda connection: erase_cases(connection, gone, by=traces.by, reason=why))
        return {"cases": len(gone)}


def retried(database: Database, work: Callable[[Connection], _Result]) -> _Result:
    """Do `work` in a transaction, again from the start if someone else stores the same version meanwhile."""
    for _ in range(_ATTEMPTS):
        try:
            with database.transaction() as connection:
                return work(connection)
        except IntegrityError:
            continue
    raise ConflictError("The dataset is being changed by too many at once.", hint="Try again in a moment.")


def add_version(
    connection: Connection, dataset: str, cases: Sequence[StoredCase], *, created_by: str, reason: str
) -> DatasetVersion:
    """As DatasetRepository.save, within a transaction. Raises IntegrityError if another one was quicker."""
    _save_cases(connection, cases)  # first: on SQLite a write keeps others out, so what is read below stays true
    hashes = [case.sha256 for case in cases]
    query = select(dataset_versions).where(
        dataset_versions.c.dataset == dataset, dataset_versions.c.sha256 == digest(hashes)
    )
    if there := connection.execute(query.order_by(dataset_versions.c.version.desc())).first():
        return _version(there)
    return _add_behind(connection, find_version(connection, dataset), dataset, hashes, created_by, reason)


def extend(
    connection: Connection, dataset: str, cases: Sequence[StoredCase], *, created_by: str, reason: str
) -> DatasetVersion:
    """The newest version with these cases behind its own, as the next. Raises IntegrityError if another one was
    quicker, so that nothing it added is lost."""
    _save_cases(connection, cases)
    newest = find_version(connection, dataset)
    hashes = [*(newest.cases if newest else ()), *(case.sha256 for case in cases)]
    return _add_behind(connection, newest, dataset, hashes, created_by, reason)


def find_version(connection: Connection, dataset: str, version: int | None = None) -> DatasetVersion | None:
    """This version of a dataset, or the newest."""
    query = select(dataset_versions).where(dataset_versions.c.dataset == dataset)
    if version is not None:
        query = query.where(dataset_versions.c.version == version)
    row = connection.execute(query.order_by(dataset_versions.c.version.desc()).limit(1)).first()
    return _version(row) if row else None


def case_contents(connection: Connection, sha256s: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """What each of these cases says, by hash; those that were erased are not there."""
    found: dict[str, Mapping[str, Any]] = {}
    for part in _parts(sha256s):
        query = select(evaluation_cases).where(evaluation_cases.c.sha256.in_(part))
        found |= {row.sha256: row.content for row in connection.execute(query) if row.content != _ERASED}
    return found


def erase_cases(connection: Connection, sha256s: Collection[str], *, by: str, reason: str) -> None:
    """Take the cases out of the newest version of every dataset, and forget what they say everywhere. Raises
    IntegrityError if a dataset was changed meanwhile."""
    names = connection.execute(select(dataset_versions.c.dataset).distinct()).scalars().all()
    for name in names:
        newest = find_version(connection, name)
        if newest is not None and not set(newest.cases).isdisjoint(sha256s):
            left = [key for key in newest.cases if key not in sha256s]
            _add_behind(connection, newest, name, left, by, reason)
    for part in _parts(sha256s):
        statement = update(evaluation_cases).where(evaluation_cases.c.sha256.in_(part))
        connection.execute(statement.values(content=dict(_ERASED)))


def _add_behind(
    connection: Connection, newest: DatasetVersion | None, dataset: str, hashes: list[str], created_by: str, reason: str
) -> DatasetVersion:
    """The version behind `newest`, which must be what its content was made from: the number is what tells if it is."""
    version = newest.version + 1 if newest else 1
    added = DatasetVersion(dataset, version, digest(hashes), tuple(hashes), created_by, reason, datetime.now(UTC))
    row = {name: getattr(added, name) for name in added.__dataclass_fields__}
    connection.execute(insert(dataset_versions), {**row, "cases": hashes})
    return added


def _save_cases(connection: Connection, cases: Sequence[StoredCase]) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(evaluation_cases).on_conflict_do_nothing()
    for part in _parts(cases):
        connection.execute(statement, [{"sha256": case.sha256, "content": dict(case.content)} for case in part])


def _parts(values: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(values)
    while part := list(itertools.islice(iterator, _BATCH)):
        yield part


def _version(row: Row[Any]) -> DatasetVersion:
    return DatasetVersion(**{**row._asdict(), "cases": tuple(row.cases)})
