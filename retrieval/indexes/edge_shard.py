"""One open Qdrant Edge shard: the only module that calls the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FacetRequest,
    FieldCondition,
    Filter,
    MatchAny,
    PayloadSchemaType,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    RangeFloat,
    ScoredPoint,
    ScrollRequest,
    SearchParams,
    UpdateOperation,
)

from core.errors import IndexUnavailableError
from core.types import AccessScope, EmbeddedDocument, Hit, StoredChunk, Vector
from retrieval.indexes.schema import (
    BM25,
    COUNTED,
    DATE,
    DENSE,
    DOCUMENT_ID,
    KEYWORDS,
    LANGUAGE,
    MOST_COUNTED,
    MOST_LANGUAGES,
    SCROLL_PAGE,
    UPSERT_CHUNKS,
    AskedTerms,
    OneOf,
    conditions,
    from_payload,
    to_payload,
    well_formed,
)
from retrieval.sparse import SparseEncoder

# Up to here a search compares the question with every vector: exact, the same on every machine, 1.1 ms for 10,000
# chunks and 4.4 ms for 40,000. Beyond, the engine builds an HNSW graph, which costs 0.4 s per 1,000 chunks.
_EXACT_UP_TO_CHUNKS = 50_000
# How many candidates a search of the graph keeps: recall@100 .995 at 60,000 chunks, and .964 with the engine's 128, at
# the same speed.
_PARAMS = SearchParams(hnsw_ef=256)


class PointRow(NamedTuple):
    """A chunk as the engine takes it, with the terms of its BM25 vector."""

    document_id: str
    point: Point
    terms: list[int]


class Shard:
    """Reads and writes the chunks of one segment. Safe to read from many threads."""

    def __init__(self, path: Path, engine: EdgeShard) -> None:
        self._path = path
        self._engine = engine

    @classmethod
    def create(cls, path: Path, dimensions: int) -> Shard:
        """A new, empty shard in an empty folder."""
        config = EdgeConfig(
            vectors={DENSE: EdgeVectorParams(size=dimensions, distance=Distance.Cosine)},
            # The engine would know how rare a term is in this shard only; the question brings that along instead.
            sparse_vectors={BM25: EdgeSparseVectorParams()},
            optimizers=EdgeOptimizersConfig(indexing_threshold=_EXACT_UP_TO_CHUNKS * dimensions * 4 // 1024),
            # With its log on, a shard opens in one process only. A commit is durable by its generation instead.
            wal_enabled=False,
        )
        kinds = {**dict.fromkeys(KEYWORDS, PayloadSchemaType.Keyword), DATE: PayloadSchemaType.Integer}
        with _engine_errors(path):
            engine = EdgeShard.create(str(path), config)
            for field, kind in kinds.items():
                engine.update(UpdateOperation.create_field_index(field, kind))
        return cls(path, engine)

    @classmethod
    def load(cls, path: Path) -> Shard:
        """Open an existing shard."""
        with _engine_errors(path):
            return cls(path, EdgeShard.load(str(path)))

    def put(self, rows: Sequence[PointRow]) -> None:
        """Add chunks that it does not have."""
        with _engine_errors(self._path):
            for start in range(0, len(rows), UPSERT_CHUNKS):
                points = [row.point for row in rows[start : start + UPSERT_CHUNKS]]
                self._engine.update(UpdateOperation.upsert_points(points))

    def delete(self, document_ids: Sequence[str]) -> None:
        """Remove every chunk of these documents."""
        with _engine_errors(self._path):
            self._engine.update(UpdateOperation.delete_points_by_filter(Filter(must=[of_documents(document_ids)])))

    def rows(self, document_ids: Sequence[str], chunks: int) -> list[PointRow]:
        """The `chunks` chunks of these documents as they are, document by document."""
        wanted = Filter(must=[of_documents(document_ids)])
        request = ScrollRequest(limit=chunks, filter=wanted, with_payload=True, with_vector=True)
        with _engine_errors(self._path):
            records, _ = self._engine.scroll(request)
        found: list[Any] = records
        rows = [
            PointRow(each.payload[DOCUMENT_ID], Point(each.id, each.vector, each.payload), each.vector[BM25].indices)
            for each in found
        ]
        return sorted(rows, key=lambda row: row.document_id)

    def finish(self) -> int:
        """Write everything out, close, and return the number of chunks.

        The shard is opened once more for that: it shows that what was written can be read, and it lets the engine
        do the tidying that it does on opening, so that later readers leave the files as they are.
        """
        with _engine_errors(self._path):
            self._engine.optimize()
            self._engine.flush()
            self._engine.close()
            reopened = EdgeShard.load(str(self._path))
            chunks = reopened.count(CountRequest(exact=True))
            reopened.close()
        return chunks

    def count(self) -> int:
        """Number of chunks."""
        with _engine_errors(self._path):
            return self._engine.count(CountRequest(exact=True))

    def search(
        self, vector: Vector | None, terms: AskedTerms, limits: Sequence[int], visible: Filter | None
    ) -> list[list[Hit]]:
        """The dense leg, the BM25 leg and the chunks with an identifier, up to `limits` of each. A leg that nothing is
        asked of is empty."""
        queries: list[Any] = [None if vector is None else vector.tolist(), terms.words, terms.exact]
        asked = list(zip((DENSE, BM25, BM25), queries, limits, strict=True))
        requests = [
            QueryRequest(limit=most, filter=visible, query=Query.Nearest(query, using=leg), params=_PARAMS)
            for leg, query, most in asked
            if query is not None
        ]
        with _engine_errors(self._path):
            found = iter(self._engine.query_batch(QueryBatchRequest(requests)) if requests else ())
        return [_hits(next(found)) if query is not None else [] for query in queries]

    def languages(self, visible: Filter | None) -> list[tuple[str, int]]:
        """The languages of the chunks, and how many are in each."""
        with _engine_errors(self._path):
            facet = self._engine.facet(FacetRequest(LANGUAGE, limit=MOST_LANGUAGES, exact=True, filter=visible))
        return [(str(hit.value), hit.count) for hit in facet.hits]

    def fetch(self, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """The chunks with these ids that exist, by id."""
        points: list[Any] = well_formed(chunk_ids)
        with _engine_errors(self._path):
            records = self._engine.retrieve(points, True, False)
        return {str(record.id): from_payload(record.payload or {}) for record in records}

    def counts(self, visible: Filter | None) -> dict[str, dict[str, int]]:
        """Chunks by the value of each field that can be filtered by."""
        with _engine_errors(self._path):
            indexed = self._engine.info().payload_schema
            requests = {
                key: FacetRequest(key, limit=MOST_COUNTED, exact=True, filter=visible)
                for key in COUNTED
                if key in indexed
            }
            found = {key: self._engine.facet(request).hits for key, request in requests.items()}
        return {key: {str(hit.value): hit.count for hit in found.get(key, ())} for key in COUNTED}

    def chunk_counts(self) -> dict[str, int]:
        """Number of chunks of each document."""
        with _engine_errors(self._path):
            facet = self._engine.facet(FacetRequest(DOCUMENT_ID, limit=max(self.count(), 1), exact=True))
        return {str(hit.value): hit.count for hit in facet.hits}

    def scroll(self) -> Iterator[tuple[StoredChunk, Vector]]:
        """Every chunk with its vector, ordered by chunk id."""
        offset = None
        while True:
            request = ScrollRequest(offset=offset, limit=SCROLL_PAGE, with_payload=True, with_vector=[DENSE])
            with _engine_errors(self._path):
                records, offset = self._engine.scroll(request)
            for record in records:
                vectors: Any = record.vector
                yield from_payload(record.payload or {}), np.asarray(vectors[DENSE], dtype=np.float32)
            if offset is None:
                return


def rows_of(document: EmbeddedDocument, sparse: SparseEncoder) -> Iterator[PointRow]:
    """A document's chunks for the engine."""
    for chunk, vector in zip(document.chunks, document.vectors, strict=True):
        terms = sparse.document(chunk.indexed_text, chunk.language)
        vectors: Any = {DENSE: vector.tolist(), BM25: terms}
        yield PointRow(chunk.document_id, Point(UUID(chunk.id), vectors, to_payload(chunk, document)), terms.indices)


def of_documents(document_ids: Sequence[str]) -> FieldCondition:
    """The chunks of these documents, in the engine's words."""
    return FieldCondition(DOCUMENT_ID, match=MatchAny(list(document_ids)))


def visible(scope: AccessScope, hidden: FieldCondition | None) -> Filter | None:
    """What a search may find, in the engine's words."""
    must: list[Any] = [
        FieldCondition(each.key, match=MatchAny(list(each.values)))
        if isinstance(each, OneOf)
        else FieldCondition(each.key, range=RangeFloat(gte=each.least, lte=each.most))
        for each in conditions(scope)
    ]
    must_not: list[Any] = [hidden] if hidden is not None else []
    return Filter(must=must, must_not=must_not) if must or must_not else None


def _hits(points: Iterable[ScoredPoint]) -> list[Hit]:
    return [Hit(str(point.id), point.score) for point in points]


@contextmanager
def _engine_errors(path: Path) -> Iterator[None]:
    """Turn the engine's failures into IndexUnavailableError.

    It raises `Exception` itself, no subclass, and panics of its Rust code come as a BaseException that cannot be
    imported. Everything else passes through.
    """
    try:
        yield
    except BaseException as error:
        if type(error) is Exception or type(error).__name__ == "PanicException":
            raise IndexUnavailableError(
                f"The index in {path} cannot be used: {error}.",
                hint="If it stays so, restore it from a backup, or delete it and run `ragloop ingest FOLDER`.",
            ) from error
        raise
