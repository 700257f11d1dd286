"""Erasing what a person or a document left: each repository takes it out of its own tables.

    class NoteRepository:
        erases: ClassVar[Tables] = (notes,)

        def erase(self, traces: Traces) -> dict[str, int]:
            return {"notes": scrub(self._database, notes, ("text",), traces)}

A repository of rows with words of people or documents has these two, and stands in the list that
loop.erasure.eraser walks; a test holds the tables against that list. Rows are changed a batch at a time, so that others
can write meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from sqlalchemy import Row, Select, Table, delete, select, update

from core.storage.database import Database

# Rows that are read and changed in one transaction: others can write in between.
_BATCH = 200

# Of a row's columns: what is to be otherwise, nothing if it may stay, None if it is to go.
Changed = Mapping[str, Any] | None
Change = Callable[[Row[Any]], Changed]

Tables = tuple[Table, ...]


class Traces(Protocol):
    """What is erased, as it is recognised in what is stored. `by` is who erases, `cases` are the hashes of cases that
    are to be forgotten."""

    @property
    def by(self) -> str: ...

    @property
    def cases(self) -> Collection[str]: ...

    def without(self, value: Any) -> Any:
        """A text, or any JSON, with what is erased taken out of it."""

    def answer(self, row: Row[Any]) -> Changed:
        """A row of `interactions`."""

    def vote(self, row: Row[Any]) -> Changed:
        """A row of `feedback`."""

    def decision(self, row: Row[Any]) -> Changed:
        """A row of `feedback_decisions`."""

    def diagnosis(self, row: Row[Any]) -> bool:
        """Whether a row of `diagnoses`, of which subject, question, summary and evidence are known, is to go."""

    def draft(self, content: Mapping[str, Any]) -> bool:
        """Whether a draft of a case is to go."""

    def evaluated(self, case_sha256: str, answer: Mapping[str, Any]) -> bool:
        """Whether an evaluation's answer to this case is to be forgotten."""

    def report(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """An evaluation's report without the words of what is erased: its figures stay."""


class Erasable(Protocol):
    """Whoever keeps something of people or documents. `erases` are the tables that it answers for."""

    erases: ClassVar[Tables]

    def __init__(self, database: Database) -> None: ...

    def erase(self, traces: Traces) -> Mapping[str, int]:
        """Take out what is recognised. Returns how many of what, for the receipt. Can be repeated."""


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


def scrub(database: Database, table: Table, columns: Iterable[str], traces: Traces) -> int:
    """Take what is recognised out of these columns of every row."""
    names = tuple(columns)

    def change(row: Row[Any]) -> Changed:
        values = row._asdict()
        cleaned = {name: traces.without(values[name]) for name in names}
        return {name: value for name, value in cleaned.items() if value != values[name]}

    return rewrite(database, table, names, change)


def every(database: Database, query: Select[Any]) -> Iterator[Row[Any]]:
    """The rows, some at a time: there may be more than memory holds."""
    with database.transaction() as connection:
        yield from connection.execution_options(yield_per=_BATCH).execute(query)
