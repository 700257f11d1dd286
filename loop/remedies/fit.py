"""Which retrieval parameters serve known questions best: tried on what both legs of the search found. Pure.

The index is asked once for each question; every setting then only joins the same legs in another way, as serving does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from statistics import fmean

from core.release import RetrievalParameters
from core.types import SearchLegs
from loop.remedies.figures import FitFigures, FoundSetting, GainComparison
from loop.remedies.gain import compared, discounted
from retrieval.fusion import fuse

# Shares of the dense leg in steps of a tenth: between two of them hardly a question changes.
WEIGHTS = tuple(tenth / 10 for tenth in range(11))
# Candidates of each leg. More than 200 are stretched over scores that tell nothing.
DEPTHS = (50, 100, 200)
# What a passage more must bring, as a share of the gain of all questions: eight more, which double what a model reads
# by default, must bring the right place to about one question in ten that lacked it.
PASSAGE_COST = 0.003
# Passages, as a multiple of what is live. Fewer are tried only where answers are to become cheaper: what the rest of
# them bring to questions that nobody voted on is not known.
MORE = (1, 1.5, 2)
FEWER = (0.25, 0.5, 0.75, 1)
MOST_PASSAGES = 20


@dataclass(frozen=True, slots=True)
class Searched:
    """What both legs found for a question in `language`, and which of its places each chunk holds whole, by number."""

    legs: SearchLegs
    held: Mapping[str, frozenset[int]]
    places: int
    language: str = ""


def gain_of(searched: Searched, parameters: RetrievalParameters) -> float:
    """How far up the places stand (loop.remedies.gain.gain) with these parameters."""
    legs, weight = searched.legs, parameters.weight_for(searched.language)
    fused = fuse(legs.dense[: parameters.depth], legs.sparse[: parameters.depth], weight, legs.exact)
    ranks: dict[int, int] = {}
    for rank, hit in enumerate(fused[: parameters.top_k], start=1):
        for place in searched.held.get(hit.chunk_id, ()):
            ranks.setdefault(place, rank)
    return fmean(discounted(ranks.get(place)) for place in range(searched.places))


def settings(live: RetrievalParameters, *, cheaper: bool = False) -> list[RetrievalParameters]:
    """All that are tried, what is live among them."""
    multiples = FEWER if cheaper else MORE
    weights = sorted({*WEIGHTS, live.dense_weight})
    depths = sorted({live.depth, *(depth for depth in DEPTHS if depth <= live.depth or not cheaper)})
    most = max(MOST_PASSAGES, live.top_k)
    passages = sorted({min(most, max(1, round(live.top_k * each))) for each in multiples})
    return [
        live.model_copy(update={"dense_weight": weight, "depth": depth, "top_k": top_k})
        for weight, depth, top_k in product(weights, depths, passages)
    ]


def best(questions: Sequence[Searched], live: RetrievalParameters, *, cheaper: bool = False) -> RetrievalParameters:
    """The setting with the best gain, passages weighed against what they cost; of equal ones that nearest to the live.

    With `cheaper`, the one that reads and searches least of those that lose nothing.
    """
    tried = [
        (parameters, fmean(gain_of(each, parameters) for each in questions))
        for parameters in settings(live, cheaper=cheaper)
    ]
    if cheaper:
        least = next(gain for parameters, gain in tried if parameters == live)
        good = [parameters for parameters, gain in tried if gain >= least - 1e-9]
        return min(good, key=lambda each: (each.top_k, each.depth, _distance(each, live)))
    return max(tried, key=lambda each: (round(_worth(each[1], each[0], live), 6), _nearness(each[0], live)))[0]


def fitted(
    choosing: Sequence[Searched], held_out: Sequence[Searched], live: RetrievalParameters, *, cheaper: bool = False
) -> tuple[RetrievalParameters, FitFigures]:
    """The best setting by the choosing questions, or the live one if it serves the held-out ones worse, and the figures
    of the best one."""
    found = best(choosing, live, cheaper=cheaper)
    figures = FitFigures(
        best=FoundSetting(dense_weight=found.dense_weight, depth=found.depth, top_k=found.top_k),
        tried=len(settings(live, cheaper=cheaper)),
        choosing=_figures(choosing, live, found),
        held_out=_figures(held_out, live, found),
    )
    return (live if figures.held_out.loses else found), figures


def best_threshold(live: float, answerable: Sequence[float], unanswerable: Sequence[float]) -> float:
    """The threshold that parts the confidences of answerable and unanswerable questions best, both kinds weighing the
    same; of equal ones the nearest to the live one."""
    edges = sorted({*answerable, *unanswerable})
    between = [round((low + high) / 2, 3) for low, high in pairwise(edges)]
    return max([live, *between], key=lambda each: (balance(each, answerable, unanswerable), -abs(each - live)))


def balance(threshold: float, answerable: Sequence[float], unanswerable: Sequence[float]) -> float:
    """The balanced accuracy: the mean of the shares of answerable ones answered and of unanswerable ones declined."""
    answered = fmean(each >= threshold for each in answerable)
    declined = fmean(each < threshold for each in unanswerable)
    return round((answered + declined) / 2, 6)


def _worth(gain: float, parameters: RetrievalParameters, live: RetrievalParameters) -> float:
    return gain - PASSAGE_COST * (parameters.top_k - live.top_k)


def _nearness(parameters: RetrievalParameters, live: RetrievalParameters) -> tuple[float, ...]:
    return tuple(-each for each in _distance(parameters, live))


def _distance(parameters: RetrievalParameters, live: RetrievalParameters) -> tuple[float, ...]:
    """How many parameters are otherwise, and by how much."""
    differences = (
        abs(parameters.dense_weight - live.dense_weight),
        abs(parameters.top_k - live.top_k),
        abs(parameters.depth - live.depth),
    )
    return (sum(each > 0 for each in differences), *differences)


def _figures(questions: Iterable[Searched], live: RetrievalParameters, found: RetrievalParameters) -> GainComparison:
    asked = list(questions)
    return compared([gain_of(each, live) for each in asked], [gain_of(each, found) for each in asked])
