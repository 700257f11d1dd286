"""From a question to passages: embed, search both legs, fuse, fetch the best."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from core.errors import CollectionMismatchError, IndexUnavailableError, NotFoundError
from core.ports import Embedder, VectorIndex
from core.release import RetrievalParameters
from core.search_filter import SearchFields, SearchFilter
from core.types import AccessScope, Passage, Retrieval, StoredChunk
from retrieval.fusion import FusedHit, fuse

# A commit between search and fetch can remove a chunk that was found. Searching again finds what there is now.
_ATTEMPTS = 3


class Retriever:
    """Finds the passages for a question in one collection. Every search for a person goes through here, with the
    scope of what that person may see. Safe to use from many threads."""

    def __init__(
        self, index: VectorIndex, embedder: Embedder, collection: str, parameters: RetrievalParameters
    ) -> None:
        self.collection = collection
        self.parameters = parameters
        self._index = index
        self._embedder = embedder
        self._verified = False

    def verify(self) -> None:
        """Raise CollectionMismatchError unless the collection was built with this embedder, IndexUnavailableError when
        there is no such collection any more."""
        with _gone_is_unavailable(self.collection):
            spec = self._index.spec(self.collection)
        if spec.embedder_fingerprint != self._embedder.fingerprint:
            raise CollectionMismatchError(
                f"Collection {self.collection} was built with the embedder {spec.embedder} "
                f"({spec.embedder_fingerprint[:8]}); this process runs {self._embedder.name} "
                f"({self._embedder.fingerprint[:8]}).",
                hint=f"Make an index for {self._embedder.name} with `ragloop index rebuild --embedder`, or answer with "
                f"{spec.embedder}.",
            )
        self._verified = True

    def narrowed(self, scope: AccessScope, wanted: SearchFilter) -> AccessScope:
        """The scope, narrowed by a filter. Raises InputError for a field that no document has which the scope allows,
        and naming the fields there are."""
        if not wanted:
            return scope
        self.fields(scope).check(wanted)
        return replace(scope, narrowed=wanted)

    def fields(self, scope: AccessScope) -> SearchFields:
        """What the documents that `scope` allows can be filtered by."""
        with _gone_is_unavailable(self.collection):
            return self._index.fields(self.collection, scope)

    def retrieve(self, query: str, scope: AccessScope, top_k: int | None = None) -> Retrieval:
        """The best `top_k` passages (by default the parameters'), best first, that `scope` allows.

        `timings` has the seconds for embed, search and fetch. Raises CollectionMismatchError on first use with another
        embedder's collection, IndexUnavailableError when the index is down or the collection is gone: never an empty
        result instead.
        """
        if not self._verified:
            self.verify()
        limit = self.parameters.top_k if top_k is None else top_k
        timings = dict.fromkeys(("embed", "search", "fetch"), 0.0)
        started = time.perf_counter()
        vector = self._embedder.embed([query])[0]
        timings["embed"] = time.perf_counter() - started
        for _ in range(_ATTEMPTS):
            started = time.perf_counter()
            with _gone_is_unavailable(self.collection):
                legs = self._index.search(self.collection, query, vector, max(self.parameters.depth, limit), scope)
                best = fuse(legs.dense, legs.sparse, self.parameters.dense_weight)[:limit]
                searched = time.perf_counter()
                stored = self._index.fetch(self.collection, [hit.chunk_id for hit in best], scope)
            timings["search"] += searched - started
            timings["fetch"] += time.perf_counter() - searched
            if len(stored) == len(best):
                break
        return Retrieval(query, _passages(best, stored), self.collection, legs.revision, timings)


@contextmanager
def _gone_is_unavailable(collection: str) -> Iterator[None]:
    """A collection that a release reads and that is gone is an outage; the person who asked has named nothing."""
    try:
        yield
    except NotFoundError as error:
        raise IndexUnavailableError(
            f"The index {collection} that the release reads is gone.",
            hint="Make it again with `ragloop ingest FOLDER`, restore it from a backup, or go back to the release "
            "before with `ragloop release rollback`.",
        ) from error


def _passages(hits: list[FusedHit], stored: list[StoredChunk]) -> tuple[Passage, ...]:
    found = {item.chunk.id: item for item in stored}
    return tuple(
        Passage(found[hit.chunk_id].chunk, found[hit.chunk_id].content_sha256, hit.score, _scores(hit))
        for hit in hits
        if hit.chunk_id in found
    )


def _scores(hit: FusedHit) -> dict[str, float]:
    scores = {"dense": hit.dense, "bm25": hit.bm25, "fused": hit.score}
    return {name: score for name, score in scores.items() if score is not None}
