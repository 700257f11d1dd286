"""What a reader has open of one generation: its segments, each without the documents that later ones replaced."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from qdrant_edge import FieldCondition, SparseVector

from core.types import AccessScope, Hit, StoredChunk, Vector, chunk_id
from retrieval.indexes.document_table import Rows, dead_rows, ids_of
from retrieval.indexes.edge_shard import of_documents, visible
from retrieval.indexes.schema import COUNTED, MOST_EXACT, AskedTerms, by_frequency, few
from retrieval.indexes.segments import OpenSegment, SegmentFolder
from retrieval.indexes.term_counts import TermCounts, weighted


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A segment without its dead documents."""

    segment: OpenSegment
    dead: Rows
    documents: frozenset[str]
    """The dead documents' ids."""
    chunks: frozenset[str]
    """The dead chunks' ids."""
    counts: TermCounts
    """In how many of the dead chunks each term is."""
    hidden: FieldCondition | None
    """The dead chunks in the engine's words."""

    @classmethod
    def of(cls, segment: OpenSegment, dead: Rows) -> Layer:
        table = segment.table
        names = table.names(dead)
        chunks = table.entries[dead, 0].tolist()
        ids = (chunk_id(name, place) for name, many in zip(names, chunks, strict=True) for place in range(many))
        counts = segment.folder.counts_of(table, dead) if names else TermCounts.of(())
        return cls(segment, dead, frozenset(names), frozenset(ids), counts, of_documents(names) if names else None)

    def search(self, vector: Vector | None, terms: AskedTerms, limit: int, scope: AccessScope) -> list[list[Hit]]:
        """The legs among the living chunks. Asking for some more and leaving out the dead ones takes 0.3 ms where the
        engine's filter takes 2; where the dead are so many of the best that too few are left, the engine filters."""
        shard, spare = self.segment.shard, min(len(self.chunks), limit // 2)
        limits = (limit, limit, MOST_EXACT + 1)
        found = shard.search(vector, terms, [each + spare for each in limits], visible(scope, None))
        living = [[hit for hit in leg if hit.chunk_id not in self.chunks] for leg in found]
        for each, leg, left in zip(limits, found, living, strict=True):
            if len(leg) == each + spare and len(left) < each:
                return shard.search(vector, terms, limits, visible(scope, self.hidden))
        return living

    def scroll(self) -> Iterator[tuple[StoredChunk, Vector]]:
        """Every living chunk with its vector, ordered by chunk id."""
        return (row for row in self.segment.shard.scroll() if row[0].chunk.document_id not in self.documents)


class Layers:
    """The layers of a generation, the oldest first. Safe to use from many threads."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._chunks = sum(layer.segment.table.size(layer.dead).live for layer in layers)

    @classmethod
    def open(cls, folders: Iterable[SegmentFolder], removed: Collection[str], before: Layers | None) -> Layers:
        """`before` has an earlier generation open; what stayed as it was is taken from there."""
        known = {layer.segment.folder: layer for layer in before._lasting} if before else {}
        segments = [known[folder].segment if folder in known else OpenSegment.open(folder) for folder in folders]
        layers = []
        dead_of = dead_rows([segment.table for segment in segments], ids_of(()), removed)
        for segment, dead in zip(segments, dead_of, strict=True):
            layer = known.get(segment.folder)
            same = layer is not None and np.array_equal(layer.dead, dead)
            layers.append(layer if layer is not None and same else Layer.of(segment, dead))
        return cls(layers)

    def search(
        self, vector: Vector | None, terms: AskedTerms, limit: int, scope: AccessScope
    ) -> tuple[tuple[Hit, ...], tuple[Hit, ...], frozenset[str]]:
        """The dense and the BM25 leg, best first, equal scores ordered by chunk id, and the chunks with an identifier.
        A leg that nothing is asked of is empty."""
        asked = AskedTerms(self._weighted(terms.words), self._weighted(terms.exact))
        legs = [layer.search(vector, asked, limit, scope) for layer in self._layers]
        dense, sparse, exact = (_best(leg[number] for leg in legs) for number in range(3))
        return dense[:limit], sparse[:limit], few(exact)

    def fetch(self, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """The chunks with these ids that exist, by id."""
        found: dict[str, StoredChunk] = {}
        for layer in self._layers:
            chunks = layer.segment.shard.fetch(chunk_ids)
            found |= {key: one for key, one in chunks.items() if one.chunk.document_id not in layer.documents}
        return found

    def languages(self) -> tuple[str, ...]:
        """The languages of the chunks, the commonest first; what names none is read as the fallback."""
        everything = AccessScope.everything()
        counted = (each.segment.shard.languages(visible(everything, each.hidden)) for each in self._layers)
        return by_frequency(count for counts in counted for count in counts)

    def counts(self, scope: AccessScope) -> dict[str, dict[str, int]]:
        """Chunks by the value of each field that can be filtered by, of those that `scope` allows."""
        total: dict[str, Counter[str]] = {key: Counter() for key in COUNTED}
        for layer in self._layers:
            for key, counts in layer.segment.shard.counts(visible(scope, layer.hidden)).items():
                total[key].update(counts)
        return {key: dict(counts) for key, counts in total.items()}

    def chunk_counts(self) -> dict[str, int]:
        """Number of chunks of each document."""
        counts: dict[str, int] = {}
        for layer in self._layers:
            counts |= layer.segment.table.without(layer.dead)
        return counts

    def scroll(self) -> Iterator[tuple[StoredChunk, Vector]]:
        """Every chunk with its vector, ordered by chunk id."""
        return heapq.merge(*(layer.scroll() for layer in self._layers), key=lambda row: row[0].chunk.id)

    @property
    def _lasting(self) -> list[Layer]:
        """All but one of the first layout, whose engine weighs the terms and whose folder can be written again."""
        return [layer for layer in self._layers if layer.segment.counts is not None]

    def _weighted(self, asked: SparseVector | None) -> SparseVector | None:
        present = [layer.segment.counts for layer in self._layers if layer.segment.counts is not None]
        if asked is None or len(present) < len(self._layers):
            return asked
        return weighted(asked, present, (layer.counts for layer in self._layers), self._chunks)


def _best(legs: Iterable[Sequence[Hit]]) -> tuple[Hit, ...]:
    hits = (hit for leg in legs for hit in leg)
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id)))
