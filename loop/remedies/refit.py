"""The remedy for passages that are found and ranked too low, or refused too often: other retrieval parameters and
another threshold of abstention, fitted on questions that people voted on.

Questions whose answers were praised take part beside those whose answers were bad: parameters that are fitted on faults
alone mend these and break the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.diagnosis import Cause
from core.feedback import FeedbackSide, Firing
from core.release import ReleaseManifest, RetrievalParameters
from evals.cases.gold_span import GoldSpan
from loop.remedies.diagnosed import CAUSES, Diagnosed, DiagnosedQuestions, halves
from loop.remedies.fit import (
    DEPTHS,
    Searched,
    balance,
    best_threshold,
    fitted,
)
from loop.remedies.gain import ChunkSpan, holds
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.factory import Services
from serving.grounding.evidence import EvidenceScorer
from serving.releases.champion import current_champion

# Triggers that complain of what answers cost: their remedy saves what it can without losing anything.
CHEAPER = frozenset({"latency_p95", "cost_per_answer"})
# One question that chooses eleven weights, three depths and five numbers of passages chooses by chance.
LEAST_CHOOSING = 2
# Questions of either kind that a threshold is fitted on, at least.
LEAST_OF_A_KIND = 5
_THRESHOLD = "guards.abstention.threshold"
_FITTED_ON = "guards.abstention.fitted_on"

Say = Callable[[str], None]


def propose_refit(services: Services, firing: Firing, say: Say) -> dict[str, Any]:
    """{"changes": {path: value}} as `ragloop release create --set` takes them, and what was measured; or
    {"nothing_better": why}. Raises ConflictError where too few questions are there to choose by."""
    manifest = current_champion(services).manifest
    questions = DiagnosedQuestions(services.database)
    bad = questions.of(firing) or questions.recent(CAUSES[firing.remedy])
    asked = [each for each in [*bad, *questions.praised()] if each.places]
    choosing, held_out = halves(asked, LEAST_CHOOSING)
    search = _Search(services, manifest)
    say(f"Trying parameters on {len(choosing)} questions, {len(held_out)} held out")
    cheaper = firing.trigger in CHEAPER
    found, figures = fitted(search.all(choosing), search.all(held_out), manifest.retrieval, cheaper=cheaper)
    changes = _retrieval_changes(manifest.retrieval, found)
    threshold = None
    if not cheaper:
        gaps = questions.recent({Cause.CORPUS_GAP})
        threshold = _Threshold(services, manifest, found).fit(asked, gaps)
    if threshold is not None and threshold["threshold"] != threshold["live"]:
        count = threshold["answerable"] + threshold["unanswerable"]
        before = manifest.guards.abstention.fitted_on.partition("; threshold")[0]
        changes |= {
            _THRESHOLD: f"{threshold['threshold']:g}",
            _FITTED_ON: f"{before}; threshold on {count} questions that people voted on",
        }
    measured = {
        "search": figures,
        "abstention": threshold,
        "chose_on": [str(each.subject) for each in choosing],
        "held_out_on": [str(each.subject) for each in held_out],
    }
    if not changes:
        return {"nothing_better": _nothing(figures), **measured}
    return {"changes": changes, **measured}


class _Search:
    """Asks the live index for both legs of each question, once."""

    def __init__(self, services: Services, manifest: ReleaseManifest) -> None:
        self._index = services.index
        self._embedder = services.embedder_for(manifest.collection)
        self._collection = manifest.collection.name
        self._depth = max(*DEPTHS, manifest.retrieval.depth)

    def all(self, questions: Sequence[Diagnosed]) -> list[Searched]:
        if not questions:
            return []
        vectors = self._embedder.embed([each.query for each in questions])
        return [self._one(each, vector) for each, vector in zip(questions, vectors, strict=True)]

    def _one(self, asked: Diagnosed, vector: Any) -> Searched:
        legs = self._index.search(self._collection, asked.query, vector, self._depth, asked.scope)
        ids = list(dict.fromkeys(hit.chunk_id for hit in (*legs.dense, *legs.sparse)))
        stored = self._index.fetch(self._collection, ids, asked.scope)
        held = {each.chunk.id: _held(each.chunk, asked.places) for each in stored}
        return Searched(legs, {key: places for key, places in held.items() if places}, len(asked.places))


class _Threshold:
    """Fits the threshold of abstention over passages found with `parameters`."""

    def __init__(self, services: Services, manifest: ReleaseManifest, parameters: RetrievalParameters) -> None:
        embedder = services.embedder_for(manifest.collection)
        language = manifest.collection.language
        self._live = manifest.guards.abstention.threshold
        self._retriever = Retriever(services.index, embedder, manifest.collection.name, parameters)
        self._scorer = EvidenceScorer(embedder, SparseEncoder(language), manifest.guards.abstention, language)

    def fit(self, asked: Sequence[Diagnosed], gaps: Sequence[Diagnosed]) -> dict[str, Any] | None:
        """The threshold by the choosing questions, unless it serves the held-out ones worse, as JSON; None where there
        are too few questions that the documents answer, or too few that they do not."""
        sides = {side: self._confidences(side, asked, gaps) for side in FeedbackSide}
        answerable, unanswerable = sides[FeedbackSide.TRAINING]
        if min(len(answerable), len(unanswerable)) < LEAST_OF_A_KIND:
            return None
        chosen = best_threshold(self._live, answerable, unanswerable)
        held_out = sides[FeedbackSide.CASE]
        loses = all(held_out) and balance(chosen, *held_out) < balance(self._live, *held_out)
        return {
            "live": self._live,
            "threshold": self._live if loses else chosen,
            "answerable": len(answerable),
            "unanswerable": len(unanswerable),
            "balance": {
                "chosen": chosen,
                "choosing": [balance(self._live, answerable, unanswerable), balance(chosen, answerable, unanswerable)],
                "held_out": [balance(self._live, *held_out), balance(chosen, *held_out)] if all(held_out) else None,
            },
        }

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


def _retrieval_changes(live: RetrievalParameters, found: RetrievalParameters) -> dict[str, str]:
    before, after = live.model_dump(), found.model_dump()
    return {f"retrieval.{name}": f"{value:g}" for name, value in after.items() if value != before[name]}


def _nothing(figures: dict[str, Any]) -> str:
    if figures["held_out"].get("difference", 0) < 0:
        return "What is better for the questions that chose is worse for those that were held out."
    return f"None of {figures['tried']} settings serves these questions better than what is live."
