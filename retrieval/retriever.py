"""From a question to passages: embed, search both legs, fuse, fetch the best."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from core.errors import CollectionMismatchError, IndexUnavailableError, NotFoundError
from core.ports import Embedder, VectorIndex
from core.release import RetrievalParameters
from core.search_filter import SearchFields, SearchFilter
from core.text.languages import question_language
from core.types import AccessScope, Hit, LeftOut, Passage, Retrieval, SearchLegs, Vector, chunk_id
from retrieval.arrangement import (
    Ranked,
    capped,
    collapsed,
    freshened,
    has_copies,
    neighbours_of,
    ranked,
    with_neighbours,
    without_copies,
)
from retrieval.fusion import FusedHit, blended, fuse
from retrieval.question_map import QuestionMap

# A commit between search and fetch can remove a chunk that was found. Searching again finds what there is now.
_ATTEMPTS = 3
# So many times the passages wanted are fetched where some may be left out.
_SPARE = 3


class Retriever:
    """Finds the passages for a question in one collection. Every search for a person goes through here, with the
    scope of what that person may see. Safe to use from many threads."""

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        collection: str,
        parameters: RetrievalParameters,
        question_map: QuestionMap | None = None,
    ) -> None:
        """`question_map` is the one that the parameters name, if they do."""
        self.collection = collection
        self.parameters = parameters
        self._index = index
        self._embedder = embedder
        self._question_map = question_map
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

    def language(self, query: str) -> str:
        """The language of a question, among those that the documents have."""
        with _gone_is_unavailable(self.collection):
            return question_language(query, self._index.languages(self.collection))

    def retrieve(
        self, query: str, scope: AccessScope, top_k: int | None = None, context: str | None = None
    ) -> Retrieval:
        """The best `top_k` passages (by default the parameters'), best first, that `scope` allows.

        `context` is the query led by what was said before: what it finds counts as much as what the query finds alone.
        `timings` has the seconds for embed, search and fetch. Raises CollectionMismatchError on first use with another
        embedder's collection, IndexUnavailableError when the index is down or the collection is gone: never an empty
        result instead.
        """
        if not self._verified:
            self.verify()
        limit = self.parameters.top_k if top_k is None else top_k
        timings = dict.fromkeys(("embed", "search", "fetch"), 0.0)
        weight = self._dense_weight(query)
        started = time.perf_counter()
        texts = [query] if context is None else [query, context]
        asked = [self._asked(text, weight) for text in texts]
        timings["embed"] = time.perf_counter() - started
        for _ in range(_ATTEMPTS):
            started = time.perf_counter()
            with _gone_is_unavailable(self.collection):
                depth = max(self.parameters.depth, limit)
                found = [
                    self._index.search(self.collection, text, self._moved(vector), depth, scope)
                    for text, vector in asked
                ]
                hits = _fused(found, weight)
                best = hits[: limit * self._spare]
                searched = time.perf_counter()
                stored = self._index.fetch(self.collection, [hit.chunk_id for hit in best], scope)
                if len(hits) > len(best) and has_copies(stored):  # others take their places
                    best = hits
                    stored = self._index.fetch(self.collection, [hit.chunk_id for hit in best], scope)
                exact = frozenset[str]().union(*(legs.exact for legs in found))
                ranking, left_out = self._arranged(ranked(best, stored), exact, limit, scope)
            timings["search"] += searched - started
            timings["fetch"] += time.perf_counter() - searched
            if len(stored) == len(best):
                break
        passages = tuple(_passage(each, found[0]) for each in ranking)
        return Retrieval(query, passages, self.collection, found[-1].revision, timings, left_out, asked[0][1])

    def _dense_weight(self, query: str) -> float:
        """The dense leg's share for a question in this one's language."""
        if not self.parameters.language_weights:
            return self.parameters.dense_weight
        return self.parameters.weight_for(self.language(query))

    def _asked(self, text: str, weight: float) -> tuple[str | None, Vector | None]:
        """What each leg is asked; nothing of one that counts for nothing."""
        return text if weight < 1 else None, self._embedder.embed_question(text) if weight > 0 else None

    def _moved(self, vector: Vector | None) -> Vector | None:
        """Where the dense leg searches: what is read of the passages is weighed by the question itself."""
        return vector if vector is None or self._question_map is None else self._question_map.apply(vector)

    @property
    def _spare(self) -> int:
        """How many times the passages wanted are looked at, so that others can take the place of some."""
        parameters = self.parameters
        return _SPARE if parameters.collapse or parameters.per_document or parameters.freshness else 1

    def _arranged(
        self, ranking: list[Ranked], exact: frozenset[str], limit: int, scope: AccessScope
    ) -> tuple[list[Ranked], tuple[LeftOut, ...]]:
        """The ranking after the steps that the parameters ask for, and what they left out."""
        same: list[LeftOut] = []
        more: list[LeftOut] = []
        ranking, copies = without_copies(ranking)
        if self.parameters.freshness:
            ranking = freshened(ranking, self.parameters.freshness, exact)
        if self.parameters.collapse:
            ranking, same = collapsed(ranking)
        if self.parameters.per_document:
            ranking, more = capped(ranking, self.parameters.per_document)
        if self.parameters.neighbours and ranking:
            best = ranking[0].chunk
            ids = [chunk_id(best.document_id, each) for each in neighbours_of(best, self.parameters.neighbours)]
            around = self._index.fetch(self.collection, ids, scope)
            ranking = with_neighbours(ranking, around, self.parameters.neighbours, limit)
        return ranking[:limit], (*copies, *same, *more)


def _fused(found: Sequence[SearchLegs], weight: float) -> list[FusedHit]:
    """The ranking that the query's legs make, with those of its context if there is one."""
    own, *context = (fuse(legs.dense, legs.sparse, weight, legs.exact) for legs in found)
    return blended(own, context[0]) if context else own


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


def _passage(each: Ranked, legs: SearchLegs) -> Passage:
    ranks = {name: _rank(leg, each.chunk.id) for name, leg in (("dense", legs.dense), ("bm25", legs.sparse))}
    told = {name: rank for name, rank in ranks.items() if rank and name in _scores(each.hit)}
    scores, digest = _scores(each.hit), each.stored.content_sha256
    if each.freshness is not None:
        scores["freshness"] = each.freshness
    return Passage(each.chunk, digest, each.score, scores, told, each.collapsed, each.stored.facts.date)


def _rank(leg: Sequence[Hit], chunk_id: str) -> int | None:
    """The chunk's place in the leg, from 1."""
    return next((place for place, hit in enumerate(leg, start=1) if hit.chunk_id == chunk_id), None)


def _scores(hit: FusedHit) -> dict[str, float]:
    scores = {"dense": hit.dense, "bm25": hit.bm25, "fused": hit.score}
    return {name: score for name, score in scores.items() if score is not None}
