"""Which documents a segment has, and which of them later segments replaced."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.bytes_]
"""Document ids, sorted."""
Rows = NDArray[np.intp]


class DocumentEntry(NamedTuple):
    """How many chunks a document has, and where among the segment's terms its own are."""

    chunks: int
    start: int = 0
    terms: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """A segment's chunks: those that are found, and those whose documents were replaced or removed since."""

    live: int
    dead: int


@dataclass(frozen=True, slots=True, eq=False)
class DocumentTable:
    """The documents of a segment, sorted by id; `entries` has a row for each, as DocumentEntry has it."""

    ids: Ids
    entries: NDArray[np.int64]

    @classmethod
    def of(cls, documents: Mapping[str, DocumentEntry]) -> DocumentTable:
        ids = ids_of(documents)
        entries = [documents[key.decode()] for key in ids.tolist()]
        return cls(ids, np.array(entries, dtype=np.int64).reshape(-1, len(DocumentEntry._fields)))

    @classmethod
    def load(cls, folder: Path) -> DocumentTable:
        """Mapped, not read: one document is looked up at the same cost however many there are."""
        return cls(*(np.load(folder / name, mmap_mode="r") for name in ("documents.npy", "entries.npy")))

    def save(self, folder: Path) -> None:
        np.save(folder / "documents.npy", self.ids)
        np.save(folder / "entries.npy", self.entries)

    def places(self, ids: Ids) -> Rows:
        """The rows of those of these documents that the segment has."""
        found = np.searchsorted(self.ids, ids)
        known = found < len(self.ids)
        known[known] = self.ids[found[known]] == ids[known]
        return np.unique(found[known])

    def names(self, rows: Rows) -> list[str]:
        """The ids of these rows."""
        return [key.decode() for key in self.ids[rows].tolist()]

    def size(self, dead: Rows) -> Size:
        """The segment's chunks, those of these rows being dead."""
        chunks = int(self.entries[dead, 0].sum())
        return Size(int(self.entries[:, 0].sum()) - chunks, chunks)

    def without(self, rows: Rows) -> dict[str, int]:
        """Chunks by document, but for these rows."""
        ids, chunks = np.delete(self.ids, rows), np.delete(self.entries[:, 0], rows)
        return dict(zip(ids.astype(str).tolist(), chunks.tolist(), strict=True))


def ids_of(documents: Iterable[str]) -> Ids:
    return np.array(sorted(documents), dtype="S36")


def dead_rows(tables: Sequence[DocumentTable], newest: Ids, removed: Collection[str]) -> list[Rows]:
    """For each table, the oldest first, the rows of documents that a later one or `newest` has, or that are removed."""
    gone = [ids_of(removed), newest]
    dead: list[Rows] = []
    for table in reversed(tables):
        dead.append(np.unique(np.concatenate([table.places(ids) for ids in gone])))
        gone.append(table.ids)
    return dead[::-1]
