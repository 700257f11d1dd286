"""What retrieval parameters and a threshold of abstention are fitted on: both legs of the live index for each question,
and how sure the evidence is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from core.loop.enums import FeedbackSide
from core.release import ReleaseManifest, RetrievalParameters
from core.text.languages import question_language
from core.types import AccessScope
from evals.cases.gold_span import GoldSpan
from loop.remedies.diagnosed import Diagnosed
from loop.remedies.figures import ThresholdBalance, ThresholdFigures
from loop.remedies.fit import DEPTHS, Searched, balance, best_threshold
from loop.remedies.gain import ChunkSpan, holds
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
    """Asks the release's index for both legs of each question, once."""

    def __init__(self, services: Services, manifest: ReleaseManifest) -> None:
        self._index = services.index
        self._embedder = services.embedder_for(manifest.collection)
        self._collection = manifest.collection.name
        self._depth = max(*DEPTHS, manifest.retrieval.depth)

    def all(self, questions: Sequence[LocatedQuestion]) -> list[Searched]:
        if not questions:
            return []
        vectors = [self._embedder.embed_question(each.query) for each in questions]
        return [self._one(each, vector) for each, vector in zip(questions, vectors, strict=True)]

    def _one(self, asked: LocatedQuestion, vector: Any) -> Searched:
        legs = self._index.search(self._collection, asked.query, vector, self._depth, asked.scope)
        ids = list(dict.fromkeys(hit.chunk_id for hit in (*legs.dense, *legs.sparse)))
        stored = self._index.fetch(self._collection, ids, asked.scope)
        held = {each.chunk.id: _held(each.chunk, asked.places) for each in stored}
        language = question_language(asked.query, self._index.languages(self._collection))
        return Searched(legs, {key: places for key, places in held.items() if places}, len(asked.places), language)


class ThresholdFit:
    """Fits the threshold of abstention over passages found with `parameters`."""

    def __init__(self, services: Services, manifest: ReleaseManifest, parameters: RetrievalParameters) -> None:
        embedder = services.embedder_for(manifest.collection)
        self._live = manifest.guards.abstention.threshold
        self._retriever = Retriever(services.index, embedder, manifest.collection.name, parameters)
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


def _held(chunk: Any, places: Sequence[GoldSpan]) -> frozenset[int]:
    """The numbers of the places that the chunk holds whole."""
    span = ChunkSpan(chunk.uri, chunk.start, chunk.end)
    return frozenset(number for number, place in enumerate(places) if holds(span, place))
