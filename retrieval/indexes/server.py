"""The vector index on a Qdrant server, for more documents or more machines than the embedded one is meant for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from qdrant_edge import SparseVector

from core.errors import CollectionMismatchError, IndexUnavailableError
from core.search_filter import SearchFields
from core.text.languages import AUTO
from core.types import AccessScope, CollectionSpec, EmbeddedDocument, Hit, SearchLegs, StoredChunk, Vector
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
    OneOf,
    asked_terms,
    by_frequency,
    conditions,
    few,
    fields_of,
    from_payload,
    require_same_spec,
    require_vectors,
    to_payload,
    unknown_collection,
    well_formed,
)
from retrieval.sparse import SparseEncoder

# Long enough for a batch of upserts to be indexed; a search that takes this long has failed.
_TIMEOUT_SECONDS = 30
_DELETE_BATCH = 1000
# Keys of the collection's own metadata, where its specification and its revision are kept.
_SPEC = "ragloop_spec"
_REVISION = "ragloop_revision"


class ServerIndex:
    """Collections on a Qdrant server.

    A reader sees each document before or after its change; a commit of several documents becomes visible one after the
    other, and the revision moves last. One writer per collection at a time is the caller's business. A commit that was
    interrupted is finished by doing it again.
    """

    def __init__(self, open_client: Callable[[], QdrantClient], address: str) -> None:
        """`open_client` is called when a connection is needed, again after `close`; `address` is for messages."""
        self._open_client = open_client
        self._address = address
        self._client: QdrantClient | None = None
        self._spoken: dict[str, tuple[int, tuple[str, ...]]] = {}
        """The languages of each collection of many, at the revision at which they were counted."""
        self._lock = threading.Lock()

    @classmethod
    def connect(cls, url: str, api_key: str | None) -> ServerIndex:
        """The server at `url`. Connects at first use."""
        return cls(
            lambda: QdrantClient(url=url, api_key=api_key, timeout=_TIMEOUT_SECONDS, check_compatibility=False), url
        )

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection unless it exists. Raises CollectionMismatchError if it exists with another spec."""
        SparseEncoder.of(spec)  # an unknown language is refused here, not at the first commit
        with self._errors(spec.name) as client:
            if not client.collection_exists(spec.name):
                self._create(client, spec)
            for field in KEYWORDS:  # each time, because a process killed in between would have left them out
                client.create_payload_index(spec.name, field, models.PayloadSchemaType.KEYWORD, wait=True)
            client.create_payload_index(spec.name, DATE, models.PayloadSchemaType.INTEGER, wait=True)
        require_same_spec(self.spec(spec.name), spec)

    def spec(self, collection: str) -> CollectionSpec:
        """What the collection was built with."""
        return self._stored(collection)[0]

    def commit(self, collection: str, upserts: Iterable[EmbeddedDocument], deletes: Iterable[str]) -> int:
        """Replace and remove documents, each at once, then move the revision. Holds one document at a time."""
        spec, revision = self._stored(collection)
        sparse = SparseEncoder.of(spec)
        for document in upserts:
            require_vectors(document, spec)
            self._replace(collection, document, sparse)
        remaining = iter(deletes)
        while batch := list(islice(remaining, _DELETE_BATCH)):
            with self._errors(collection) as client:
                selector = models.FilterSelector(filter=_of_documents(batch))
                client.delete(collection, selector, wait=True)
        with self._errors(collection) as client:
            client.update_collection(collection, metadata={_REVISION: revision + 1})
        return revision + 1

    def purge(self, collection: str) -> None:
        """Does nothing: the files are the server's, which tidies up a segment once a fifth of it is deleted."""
        self._stored(collection)

    def search(
        self, collection: str, text: str | None, vector: Vector | None, limit: int, scope: AccessScope
    ) -> SearchLegs:
        """The best `limit` chunks by cosine and by BM25 among the documents that `scope` allows, and those that hold an
        identifier of the text."""
        spec, revision = self._stored(collection)
        terms = asked_terms(SparseEncoder.of(spec), text, self._languages(spec, revision))
        visible = _visible(scope)
        asked: list[tuple[str, list[float] | models.SparseVector | None, int]] = [
            (DENSE, None if vector is None else vector.tolist(), limit),
            (BM25, _sparse(terms.words), limit),
            (BM25, _sparse(terms.exact), MOST_EXACT + 1),
        ]
        requests = [
            models.QueryRequest(query=query, using=leg, filter=visible, limit=most)
            for leg, query, most in asked
            if query is not None
        ]
        with self._errors(collection) as client:
            found = iter(client.query_batch_points(collection, requests) if requests else ())
        dense, sparse, exact = (_hits(next(found).points) if query is not None else () for _, query, _ in asked)
        return SearchLegs(dense, sparse, revision, few(exact))

    def languages(self, collection: str) -> tuple[str, ...]:
        """The languages that the collection's texts are analysed in, the commonest first."""
        return self._languages(*self._stored(collection))

    def fields(self, collection: str, scope: AccessScope) -> SearchFields:
        """What the documents that `scope` allows can be filtered by."""
        visible = _visible(scope)
        with self._errors(collection) as client:
            # The client's local mode indexes nothing and can count everything.
            indexed = client.get_collection(collection).payload_schema or dict.fromkeys(COUNTED)
            facets = {
                key: client.facet(collection, key, facet_filter=visible, limit=MOST_COUNTED, exact=True).hits
                for key in COUNTED
                if key in indexed
            }
        return fields_of({key: {str(hit.value): hit.count for hit in facets.get(key, ())} for key in COUNTED}, scope)

    def fetch(self, collection: str, chunk_ids: Sequence[str], scope: AccessScope) -> list[StoredChunk]:
        """The chunks with these ids that exist and that `scope` allows, in the order of the ids."""
        with self._errors(collection) as client:
            records = client.retrieve(collection, well_formed(chunk_ids), with_payload=True)
        found = {str(record.id): from_payload(record.payload or {}) for record in records}
        return [found[key] for key in chunk_ids if key in found and scope.allows(found[key].access)]

    def chunk_counts(self, collection: str) -> dict[str, int]:
        """Number of chunks of each document, by document id."""
        with self._errors(collection) as client:
            chunks = client.count(collection, exact=True).count
            facet = client.facet(collection, DOCUMENT_ID, limit=max(chunks, 1), exact=True)
        return {str(hit.value): hit.count for hit in facet.hits}

    def scroll(self, collection: str) -> Iterator[tuple[StoredChunk, Vector]]:
        """Every chunk with its vector, ordered by chunk id."""
        self._stored(collection)
        return self._scroll(collection)

    def revision(self, collection: str) -> int:
        """Counts the collection's commits, from 0 when it was created."""
        return self._stored(collection)[1]

    def collections(self) -> list[str]:
        """Names of the collections on this server that are RAGLoop's, sorted."""
        with self._errors("") as client:
            names = [description.name for description in client.get_collections().collections]
            return sorted(name for name in names if _SPEC in (client.get_collection(name).config.metadata or {}))

    def drop(self, collection: str) -> None:
        """Remove the collection. Dropping one that does not exist does nothing."""
        with self._errors(collection) as client:
            client.delete_collection(collection)

    def close(self) -> None:
        """Close the connection. The next call opens another."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _create(self, client: QdrantClient, spec: CollectionSpec) -> None:
        try:
            client.create_collection(
                spec.name,
                vectors_config={DENSE: models.VectorParams(size=spec.dimensions, distance=models.Distance.COSINE)},
                sparse_vectors_config={BM25: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                metadata={_SPEC: spec.as_dict(), _REVISION: 0},
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # 409: another process created it meanwhile
                raise

    def _stored(self, collection: str) -> tuple[CollectionSpec, int]:
        """The collection's spec and revision."""
        with self._errors(collection) as client:
            metadata = client.get_collection(collection).config.metadata or {}
        if _SPEC not in metadata:
            raise CollectionMismatchError(
                f"The collection {collection} on {self._address} was not made by RAGLoop.",
                hint="Choose another base name for the collection.",
            )
        return CollectionSpec(**metadata[_SPEC]), int(metadata[_REVISION])

    def _replace(self, collection: str, document: EmbeddedDocument, sparse: SparseEncoder) -> None:
        """Upsert a document's chunks and delete its stale ones in one request; in several, the deletion in the last,
        if the document is so large that one would exceed the server's 32 MB."""
        points = list(_points(document, sparse))
        stale = _of_documents([document.document_id])
        stale.must_not = [models.HasIdCondition(has_id=[point.id for point in points])]
        upserts = [
            models.UpsertOperation(upsert=models.PointsList(points=points[start : start + UPSERT_CHUNKS]))
            for start in range(0, len(points), UPSERT_CHUNKS)
        ]
        delete = models.DeleteOperation(delete=models.FilterSelector(filter=stale))
        with self._errors(collection) as client:
            for upsert in upserts[:-1]:
                client.batch_update_points(collection, [upsert], wait=True)
            client.batch_update_points(collection, [*upserts[-1:], delete], wait=True)

    def _scroll(self, collection: str) -> Iterator[tuple[StoredChunk, Vector]]:
        offset = None
        while True:
            with self._errors(collection) as client:
                records, offset = client.scroll(collection, limit=SCROLL_PAGE, offset=offset, with_vectors=[DENSE])
            for record in records:
                vectors = record.vector if isinstance(record.vector, dict) else {}
                yield from_payload(record.payload or {}), np.asarray(vectors[DENSE], dtype=np.float32)
            if offset is None:
                return

    def _languages(self, spec: CollectionSpec, revision: int) -> tuple[str, ...]:
        if spec.language != AUTO:
            return (spec.language,)
        known = self._spoken.get(spec.name)
        if known is None or known[0] != revision:
            with self._errors(spec.name) as client:
                facet = client.facet(spec.name, LANGUAGE, limit=MOST_LANGUAGES, exact=True)
            known = revision, by_frequency((str(hit.value), hit.count) for hit in facet.hits)
            self._spoken[spec.name] = known
        return known[1]

    @contextmanager
    def _errors(self, collection: str) -> Iterator[QdrantClient]:
        """The open client; what it raises becomes NotFoundError or IndexUnavailableError."""
        with self._lock:
            self._client = client = self._client or self._open_client()
        try:
            yield client
        except UnexpectedResponse as error:
            if error.status_code == 404:
                raise unknown_collection(collection) from error
            raise self._unavailable(f"answered {error.status_code} {error.reason_phrase}") from error
        except ResourceExhaustedResponse as error:
            raise self._unavailable("has too much to do", error.retry_after_s) from error
        except ResponseHandlingException as error:
            raise self._unavailable(f"cannot be reached: {error.source}") from error
        except ValueError as error:
            if str(error) == f"Collection {collection} not found":  # how the client's local mode says 404
                raise unknown_collection(collection) from error
            raise

    def _unavailable(self, reason: str, retry_after_seconds: int = 5) -> IndexUnavailableError:
        return IndexUnavailableError(
            f"The Qdrant server at {self._address} {reason}.",
            hint="Check that it runs and that RAGLOOP_QDRANT_URL and RAGLOOP_QDRANT_API_KEY are right.",
            retry_after_seconds=retry_after_seconds,
        )


def _points(document: EmbeddedDocument, sparse: SparseEncoder) -> Iterator[models.PointStruct]:
    for chunk, vector in zip(document.chunks, document.vectors, strict=True):
        terms = sparse.document(chunk.indexed_text, chunk.language)
        yield models.PointStruct(
            id=chunk.id,
            vector={DENSE: vector.tolist(), BM25: models.SparseVector(indices=terms.indices, values=terms.values)},
            payload=to_payload(chunk, document),
        )


def _visible(scope: AccessScope) -> models.Filter | None:
    """What a search may find, in the engine's words."""
    must: list[models.Condition] = [
        models.FieldCondition(key=each.key, match=models.MatchAny(any=list(each.values)))
        if isinstance(each, OneOf)
        else models.FieldCondition(key=each.key, range=models.Range(gte=each.least, lte=each.most))
        for each in conditions(scope)
    ]
    return models.Filter(must=must) if must else None


def _sparse(terms: SparseVector | None) -> models.SparseVector | None:
    return None if terms is None else models.SparseVector(indices=terms.indices, values=terms.values)


def _of_documents(document_ids: Sequence[str]) -> models.Filter:
    match = models.MatchAny(any=list(document_ids))
    return models.Filter(must=[models.FieldCondition(key=DOCUMENT_ID, match=match)])


def _hits(points: Iterable[models.ScoredPoint]) -> tuple[Hit, ...]:
    return tuple(
        sorted((Hit(str(point.id), point.score) for point in points), key=lambda hit: (-hit.score, hit.chunk_id))
    )
