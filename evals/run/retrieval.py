"""Retrieval alone: what a release's search finds of the evidence of a dataset's cases, and where it misses.

    report = RetrievalExam(retriever, read).examine(cases)

Nothing is written by a generator and nothing goes into the ledger, so a dataset takes seconds. The measures are those
of evals.metrics.retrieval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.types import AccessScope, Passage, Turn
from evals.cases.cases import Case
from evals.cases.gold import DocumentReader, with_gold
from evals.cases.gold_span import GoldSpan
from evals.gate.statistics import bootstrap_interval
from evals.metrics.relevance import first_ranks
from evals.metrics.retrieval import ndcg
from retrieval.retriever import Retriever
from serving.follow_up import joined_query

DEPTH = 10
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class ExaminedCase:
    """A case, its question's language, its evidence, what was found for it, and at which ranks the evidence stands."""

    case: Case
    language: str
    gold: tuple[GoldSpan, ...]
    passages: tuple[Passage, ...]
    ranks: tuple[int, ...]

    @property
    def missed(self) -> bool:
        """Whether the evidence is not all among the first passages."""
        return len(self.ranks) < len(self.gold)


@dataclass(frozen=True, slots=True)
class RetrievalFigure:
    """A measure's mean over so many cases, with its 95 % interval."""

    cases: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """The figures by slice and measure, the slice "all" first; what was missed, and the cases that could not be asked,
    with the reason."""

    slices: dict[str, dict[str, RetrievalFigure]]
    misses: tuple[ExaminedCase, ...]
    unusable: tuple[tuple[str, str], ...]


MEASURES: dict[str, Callable[[ExaminedCase], float]] = {
    "ndcg_at_10": lambda each: ndcg(each.ranks, len(each.gold), DEPTH),
    "recall_at_1": lambda each: _recall(each, 1),
    "recall_at_5": lambda each: _recall(each, 5),
    "recall_at_10": lambda each: _recall(each, DEPTH),
    "mrr": lambda each: 1 / min(each.ranks) if each.ranks else 0.0,
}


class RetrievalExam:
    """Asks a retriever the questions of cases, each as its conversation has it."""

    def __init__(self, retriever: Retriever, read: DocumentReader) -> None:
        self._retriever = retriever
        self._read = read

    def examine(self, cases: Sequence[Case]) -> RetrievalReport:
        """The report on the cases that have evidence. Raises NotFoundError where none has."""
        asked, unusable = with_gold(self._read, cases)
        examined = [self._examined(each.case, each.gold) for each in asked]
        return RetrievalReport(_slices(examined), tuple(each for each in examined if each.missed), tuple(unusable))

    def _examined(self, case: Case, gold: tuple[GoldSpan, ...]) -> ExaminedCase:
        history = [Turn(turn.role, turn.content) for turn in case.history]
        context = joined_query(case.question, history)
        passages = self._retriever.retrieve(case.question, AccessScope.everything(), DEPTH, context).passages
        ranks = first_ranks([passage.chunk for passage in passages], gold)
        return ExaminedCase(case, self._retriever.language(case.question), gold, passages, tuple(ranks))


def _slices(examined: Sequence[ExaminedCase]) -> dict[str, dict[str, RetrievalFigure]]:
    slices: dict[str, list[ExaminedCase]] = {"all": list(examined)}
    for each in examined:
        for name in _names(each):
            slices.setdefault(name, []).append(each)
    ordered = ["all", *sorted(name for name in slices if name != "all")]
    return {name: {measure: _figure(map(of, slices[name])) for measure, of in MEASURES.items()} for name in ordered}


def _names(each: ExaminedCase) -> set[str]:
    """The slices that a case belongs to: by its tags, the sources of its evidence, and its question's language."""
    sources = {f"source {piece.uri.partition('/')[0]}" for piece in each.gold}
    return {*(f"tag {tag}" for tag in each.case.slices), *sources, f"language {each.language}"}


def _figure(values: Iterable[float]) -> RetrievalFigure:
    found = list(values)
    low, high = bootstrap_interval(found, _LEVEL)
    return RetrievalFigure(len(found), fmean(found), low, high)


def _recall(each: ExaminedCase, depth: int) -> float:
    return sum(rank <= depth for rank in each.ranks) / len(each.gold)
