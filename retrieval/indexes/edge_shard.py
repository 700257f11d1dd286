"""One open Qdrant Edge shard: the only module that calls the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
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
    Modifier,
    PayloadSchemaType,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    RangeFloat,
    ScoredPoint,
    ScrollRequest,
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
    MOST_EXACT,
    MOST_LANGUAGES,
    SCROLL_PAGE,
    UPSERT_CHUNKS,
    AskedTerms,
    OneOf,
    by_frequency,
    conditions,
    few,
    from_payload,
    to_payload,
    well_formed,
)
from retrieval.sparse import SparseEncoder

# Up to here a search compares the question with every vector: exact, the same on every machine, 1.1 ms for 10,000
# chunks and 4.4 ms for 40,000. Beyond, the engine builds an HNSW graph, which costs 0.4 s per 1,000 chunks.
_EXACT_UP_TO_CHUNKS = 50_000


class Shard:
    """Reads and changes the chunks of one generation. Safe to read from many threads."""

    def __init__(self, path: Path, engine: EdgeShard) -> None:
        self._path = path
        self._engine = engine

    @classmethod
    def create(cls, path: Path, dimensions: int) -> Shard:
        """A new, empty shard in an empty folder."""
        config = EdgeConfig(
            vectors={DENSE: EdgeVectorParams(size=dimensions, distance=Distance.Cosine)},
            sparse_vectors={BM25: EdgeSparseVectorParams(modifier=Modifier.Idf)},
            optimizers=EdgeOptimizersConfig(indexing_threshold=_EXACT_UP_TO_CHUNKS * dimensions * 4 // 1024),
            # With its log on, a shard opens in one process only. A commit is durable by its generation instead.
            wal_enabled=False,
        )
        with _engine_errors(path):
            shard = cls(path, EdgeShard.create(str(path), config))
        shard.index_fields()
        return shard

    @classmethod
    def load(cls, path: Path) -> Shard:
        """Open an existing shard."""
        with _engine_errors(path):
            return cls(path, EdgeShard.load(str(path)))

    def index_fields(self) -> None:
        """Have the fields indexed that are filtered by: a shard of an earlier version lacks some."""
        kinds = {**dict.fromkeys(KEYWORDS, PayloadSchemaType.Keyword), DATE: PayloadSchemaType.Integer}
        with _engine_errors(self._path):
            for field, kind in kinds.items():
                self._engine.update(UpdateOperation.create_field_index(field, kind))

    def replace(self, documents: Iterable[EmbeddedDocument], sparse: SparseEncoder) -> None:
        """Put each document's chunks in place of whatever the shard has of it, holding about 256 chunks at a time."""
        pending: dict[str, EmbeddedDocument] = {}
        for document in documents:
            if document.document_id in pending or sum(len(d.chunks) for d in pending.values()) >= UPSERT_CHUNKS:
                self._replace(pending, sparse)
                pending = {}
            pending[document.document_id] = document
        self._replace(pending, sparse)

    def take_over(self, other: Shard) -> None:
        """Copy every chunk of another shard, with its vectors as they are."""
        offset = None
        while True:
            request = ScrollRequest(offset=offset, limit=SCROLL_PAGE, with_payload=True, with_vector=True)
            with _engine_errors(self._path):
                records, offset = other._engine.scroll(request)
                points = [Point(record.id, record.vector, record.payload) for record in records]  # type: ignore[arg-type]
                self._engine.update(UpdateOperation.upsert_points(points))
            if offset is None:
                return

    def delete(self, document_ids: Sequence[str]) -> None:
        """Remove every chunk of these documents."""
        condition = FieldCondition(DOCUMENT_ID, match=MatchAny(list(document_ids)))
        with _engine_errors(self._path):
            self._engine.update(UpdateOperation.delete_points_by_filter(Filter(must=[condition])))

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
        self, vector: Vector | None, terms: AskedTerms, limit: int, scope: AccessScope
    ) -> tuple[tuple[Hit, ...], tuple[Hit, ...], frozenset[str]]:
        """The dense and the BM25 leg, best first, equal scores ordered by chunk id, and the chunks with an identifier.
        A leg that nothing is asked of is empty."""
        visible = _visible(scope)
        asked: list[tuple[str, Any, int]] = [
            (DENSE, None if vector is None else vector.tolist(), limit),
            (BM25, terms.words, limit),
            (BM25, terms.exact, MOST_EXACT + 1),
        ]
        requests = [
            QueryRequest(limit=most, filter=visible, query=Query.Nearest(query, using=leg))
            for leg, query, most in asked
            if query is not None
        ]
        with _engine_errors(self._path):
            found = iter(self._engine.query_batch(QueryBatchRequest(requests)) if requests else ())
        dense, sparse, exact = (_hits(next(found)) if query is not None else () for _, query, _ in asked)
        return dense, sparse, few(exact)

    def languages(self) -> tuple[str, ...]:
        """The languages of the chunks, the commonest first; what names none is read as the fallback."""
        with _engine_errors(self._path):
            facet = self._engine.facet(FacetRequest(LANGUAGE, limit=MOST_LANGUAGES, exact=True))
        return by_frequency((str(hit.value), hit.count) for hit in facet.hits)

    def fetch(self, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """The chunks with these ids that exist, by id."""
        points: list[Any] = well_formed(chunk_ids)
        with _engine_errors(self._path):
            records = self._engine.retrieve(points, True, False)
        return {str(record.id): from_payload(record.payload or {}) for record in records}

    def counts(self, scope: AccessScope) -> dict[str, dict[str, int]]:
        """Chunks by the value of each field that can be filtered by, of those that `scope` allows."""
        with _engine_errors(self._path):
            indexed = self._engine.info().payload_schema
            requests = {
                key: FacetRequest(key, limit=MOST_COUNTED, exact=True, filter=_visible(scope))
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

    def _replace(self, documents: dict[str, EmbeddedDocument], sparse: SparseEncoder) -> None:
        if not documents:
            return
        self.delete(list(documents))
        points = [point for document in documents.values() for point in _points(document, sparse)]
        with _engine_errors(self._path):
            for start in range(0, len(points), UPSERT_CHUNKS):
                self._engine.update(UpdateOperation.upsert_points(points[start : start + UPSERT_CHUNKS]))


def _points(document: EmbeddedDocument, sparse: SparseEncoder) -> Iterator[Point]:
    for chunk, vector in zip(document.chunks, document.vectors, strict=True):
        vectors: Any = {DENSE: vector.tolist(), BM25: sparse.document(chunk.indexed_text, chunk.language)}
        yield Point(UUID(chunk.id), vectors, to_payload(chunk, document))


def _visible(scope: AccessScope) -> Filter | None:
    """What a search may find, in the engine's words."""
    must: list[Any] = [
        FieldCondition(each.key, match=MatchAny(list(each.values)))
        if isinstance(each, OneOf)
        else FieldCondition(each.key, range=RangeFloat(gte=each.least, lte=each.most))
        for each in conditions(scope)
    ]
    return Filter(must=must) if must else None


def _hits(points: Iterable[ScoredPoint]) -> tuple[Hit, ...]:
    return tuple(
        sorted((Hit(str(point.id), point.score) for point in points), key=lambda hit: (-hit.score, hit.chunk_id))
    )


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
