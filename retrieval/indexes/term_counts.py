"""In how many chunks each term is: what BM25 weighs a question's terms by, over all segments of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import SparseVector

Terms = NDArray[np.uint32]
Counts = NDArray[np.int64]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class TermCounts:
    """`counts[i]` chunks have the term `terms[i]`; the terms are sorted, each once."""

    terms: Terms
    counts: Counts

    @classmethod
    def of(cls, parts: Iterable[Terms]) -> TermCounts:
        """What is in these together; each chunk's distinct terms stand in one of them. Holds a million at a time."""
        terms, counts = np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int64)
        for block in _blocks(parts):
            found, times = np.unique(block, return_counts=True)
            terms, places = np.unique(np.concatenate([terms, found]), return_inverse=True)
            counts = np.bincount(places, weights=np.concatenate([counts, times])).astype(np.int64)
        return cls(terms, counts)

    @classmethod
    def load(cls, path: Path) -> TermCounts:
        """The inverse of `save`. Raises OSError or ValueError."""
        terms, counts = np.load(path)
        return cls(terms, counts.astype(np.int64))

    def save(self, path: Path) -> None:
        """Write them to a file."""
        np.save(path, np.stack([self.terms, self.counts.astype(np.uint32)]))

    def among(self, asked: Terms) -> Counts:
        """How many chunks have each of these terms."""
        places = np.searchsorted(self.terms, asked)
        known = places < len(self.terms)
        known[known] = self.terms[places[known]] == asked[known]
        found = np.zeros(len(asked), dtype=np.int64)
        found[known] = self.counts[places[known]]
        return found


def weighted(
    asked: SparseVector, present: Iterable[TermCounts], dead: Iterable[TermCounts], chunks: int
) -> SparseVector | None:
    """The question with each term's inverse document frequency multiplied in, in the engine's own formula,
    ln(1 + (N - n + 0.5) / (n + 0.5)); terms that no chunk has are left out, and None is a question without any.

    `dead` are those of `present` that are not found any more, `chunks` is how many there are but for them.
    """
    terms = np.asarray(asked.indices, dtype=np.uint32)
    having = sum((each.among(terms) for each in present), np.zeros(len(terms), dtype=np.int64))
    having = having - sum((each.among(terms) for each in dead), np.zeros(len(terms), dtype=np.int64))
    known = having > 0
    if not known.any():
        return None
    weights = np.asarray(asked.values) * np.log1p((chunks - having + 0.5) / (having + 0.5))
    return SparseVector(indices=terms[known].tolist(), values=weights[known].tolist())


def _blocks(parts: Iterable[Terms]) -> Iterator[Terms]:
    pending: list[Terms] = []
    length = 0
    for part in parts:
        pending.append(part)
        length += len(part)
        if length >= _BLOCK:
            yield np.concatenate(pending)
            pending, length = [], 0
    if pending:
        yield np.concatenate(pending)
