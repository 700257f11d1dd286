"""What retrieval parameters and a threshold of abstention are fitted on: both legs of the live index for each question,
and how sure the evidence is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from core.loop.enums import FeedbackSide
from core.release import ReleaseManifest, RetrievalParameters
from core.storage.documents import EmbeddingMemo
from core.text.languages import question_language
from core.types import AccessScope, Hit, Vector
from evals.cases.gold_span import GoldSpan
from ingestion.embedding import vectors_of
from loop.remedies.diagnosed import Diagnosed
from loop.remedies.figures import ThresholdBalance, ThresholdFigures
from loop.remedies.fit import DEPTHS, Searched, balance, best_threshold
from loop.remedies.gain import ChunkSpan, holds
from loop.remedies.map_fit import VotedQuestion
from retrieval.question_map import QuestionMap
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.factory import Services
from serving.grounding.evidence import EvidenceScorer

# Questions of either kind that a threshold is fitted on, at least.
LEAST_OF_A_KIND = 5


class LocatedQuestion(Protocol):
    """A question as it is searched for, what its asker may see, and where its answer stands."""

    @property
    def query(self) -> str: ...
    @property
    def scope(self) -> AccessScope: ...
    @property
    def places(self) -> tuple[GoldSpan, ...]: ...


class LegSearch:
    """Asks the release's index for both legs of each question, once, and with other vectors for the dense leg."""

    def __init__(self, services: Services, manifest: ReleaseManifest) -> None:
        self.question_map = services.question_map(manifest)
        self._index = services.index
        self._memo = EmbeddingMemo(services.database)
        self._embedder = services.embedder_for(manifest.collection)
        self._collection = manifest.collection.name
        self._depth = max(*DEPTHS, manifest.retrieval.depth)

    def all(self, questions: Sequence[LocatedQuestion]) -> list[Searched]:
        """What the release finds."""
        return [self._voted(each).moved(self.question_map) for each in questions]

    def voted(self, questions: Sequence[LocatedQuestion]) -> list[VotedQuestion]:
        """What the questions' own vectors find, and the passages that hold their answers."""
        found = [self._voted(each) for each in questions]
        best = [_best(each.searched) for each in found]
        stored = self._index.fetch(self._collection, [name for name in best if name], AccessScope.everything())
        vectors = vectors_of([each.chunk.indexed_text for each in stored], self._embedder, self._memo)
        by_id = {each.chunk.id: vector for each, vector in zip(stored, vectors, strict=True)}
        return [replace(each, passage=by_id.get(name or "")) for each, name in zip(found, best, strict=True)]

    def _voted(self, asked: LocatedQuestion) -> VotedQuestion:
        vector = self._embedder.embed_question(asked.query)
        legs = self._index.search(self._collection, asked.query, vector, self._depth, asked.scope)
        language = question_language(asked.query, self._index.languages(self._collection))
        held = self._held(asked, (*legs.dense, *legs.sparse))
        searched = Searched(asked.query, legs, held, len(asked.places), language)
        return VotedQuestion(vector, searched, partial(self._moved, asked, searched))

    def _moved(self, asked: LocatedQuestion, searched: Searched, vector: Vector) -> Searched:
        """The same question with another vector for the dense leg."""
        dense = self._index.search(self._collection, None, vector, self._depth, asked.scope).dense
        known = {hit.chunk_id for hit in (*searched.legs.dense, *searched.legs.sparse)}
        new = self._held(asked, [hit for hit in dense if hit.chunk_id not in known])
        return replace(searched, legs=replace(searched.legs, dense=dense), held={**searched.held, **new})

    def _held(self, asked: LocatedQuestion, hits: Sequence[Hit]) -> dict[str, frozenset[int]]:
        """The chunks that hold places whole, and which."""
        ids = list(dict.fromkeys(hit.chunk_id for hit in hits))
        stored = self._index.fetch(self._collection, ids, asked.scope) if ids else []
        held = {each.chunk.id: _held(each.chunk, asked.places) for each in stored}
        return {key: places for key, places in held.items() if places}


class ThresholdFit:
    """Fits the threshold of abstention over passages found with `parameters` and the map of questions."""

    def __init__(
        self,
        services: Services,
        manifest: ReleaseManifest,
        parameters: RetrievalParameters,
        question_map: QuestionMap | None,
    ) -> None:
        embedder = services.embedder_for(manifest.collection)
        self._live = manifest.guards.abstention.threshold
        self._retriever = Retriever(services.index, embedder, manifest.collection.name, parameters, question_map)
        self._scorer = EvidenceScorer(
            embedder,
            SparseEncoder.of(manifest.collection),
            manifest.guards.abstention,
            manifest.collection.language,
            manifest.reading,
        )

    def fit(self, asked: Sequence[Diagnosed], gaps: Sequence[Diagnosed]) -> ThresholdFigures | None:
        """The threshold by the choosing questions, unless it serves the held-out ones worse; None where there are too
        few questions that the documents answer, or too few that they do not."""
        sides = {side: self._confidences(side, asked, gaps) for side in FeedbackSide}
        answerable, unanswerable = sides[FeedbackSide.TRAINING]
        if min(len(answerable), len(unanswerable)) < LEAST_OF_A_KIND:
            return None
        chosen = best_threshold(self._live, answerable, unanswerable)
        held_out = sides[FeedbackSide.CASE]
        before_after = (balance(self._live, *held_out), balance(chosen, *held_out)) if all(held_out) else None
        loses = before_after is not None and before_after[1] < before_after[0]
        return ThresholdFigures(
            live=self._live,
            threshold=self._live if loses else chosen,
            answerable=len(answerable),
            unanswerable=len(unanswerable),
            balance=ThresholdBalance(
                chosen=chosen,
                choosing=(balance(self._live, answerable, unanswerable), balance(chosen, answerable, unanswerable)),
                held_out=before_after,
            ),
        )

    def _confidences(
        self, side: FeedbackSide, asked: Sequence[Diagnosed], gaps: Sequence[Diagnosed]
    ) -> tuple[list[float], list[float]]:
        """Of the side's questions whose right place is found, and of those that have none."""
        answerable = []
        for each in (each for each in asked if each.side is side):
            passages = self._retriever.retrieve(each.query, each.scope).passages
            if any(_held(passage.chunk, each.places) for passage in passages):
                answerable.append(self._scorer.score(each.query, passages).confidence)
        unanswerable = []
        for each in (each for each in gaps if each.side is side):
            passages = self._retriever.retrieve(each.query, each.scope).passages
            unanswerable.append(self._scorer.score(each.query, passages).confidence)
        return answerable, unanswerable


def _best(searched: Searched) -> str | None:
    """The chunk that holds most of the places; of equal ones that nearest to the question."""
    found = (hit.chunk_id for hit in (*searched.legs.dense, *searched.legs.sparse) if hit.chunk_id in searched.held)
    return max(found, key=lambda name: len(searched.held[name]), default=None)


def _held(chunk: Any, places: Sequence[GoldSpan]) -> frozenset[int]:
    """The numbers of the places that the chunk holds whole."""
    span = ChunkSpan(chunk.uri, chunk.start, chunk.end)
    return frozenset(number for number, place in enumerate(places) if holds(span, place))
