"""Which retrieval parameters serve known questions best: tried on what both legs of the search found. Pure.

The index is asked once for each question; every setting then only joins the same legs in another way, as serving does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from statistics import fmean

from core.release import RetrievalParameters
from core.types import SearchLegs
from loop.remedies.figures import FitFigures, FoundSetting
from loop.remedies.gain import compared, crossed, discounted
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

    query: str
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


def fitted(
    choosing: Sequence[Searched],
    held_out: Sequence[Searched],
    live: RetrievalParameters,
    tried: Sequence[RetrievalParameters],
    *,
    cheaper: bool = False,
) -> tuple[RetrievalParameters, FitFigures]:
    """The best setting of those tried, by the choosing questions, if it is taken, else the live one; and the figures of
    the best one.

    It is taken if it surely serves questions better that did not choose it, and the held-out ones not worse; with
    `cheaper`, if these lose nothing.
    """
    gains = [[gain_of(each, parameters) for each in choosing] for parameters in tried]
    now = tried.index(live)

    def choose(numbers: Sequence[int]) -> int:
        means = [fmean(row[number] for number in numbers) for row in gains]
        return _least(tried, means, now) if cheaper else _most(tried, means, now)

    best = choose(range(len(choosing)))
    # What is cheaper is to lose nothing; whether that holds for others the held-out questions tell.
    chosen = [best] * len(choosing) if cheaper else crossed([each.query for each in choosing], choose, now)
    found = tried[best]
    figures = FitFigures(
        live=_setting(live),
        best=_setting(found),
        tried=len(tried),
        choosing=compared(gains[now], [gains[setting][number] for number, setting in enumerate(chosen)]),
        held_out=compared(*([gain_of(each, parameters) for each in held_out] for parameters in (live, found))),
    )
    taken = not figures.held_out.loses if cheaper else figures.gains
    return (found if taken else live), figures


def _setting(parameters: RetrievalParameters) -> FoundSetting:
    return FoundSetting(dense_weight=parameters.dense_weight, depth=parameters.depth, top_k=parameters.top_k)


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


def _most(tried: Sequence[RetrievalParameters], means: Sequence[float], now: int) -> int:
    """The place of the setting with the best gain, passages weighed against what they cost; of equal ones that nearest
    to the live one."""

    def worth(place: int) -> tuple[float, ...]:
        cost = PASSAGE_COST * (tried[place].top_k - tried[now].top_k)
        return (round(means[place] - cost, 6), *(-each for each in _distance(tried[place], tried[now])))

    return max(range(len(tried)), key=worth)


def _least(tried: Sequence[RetrievalParameters], means: Sequence[float], now: int) -> int:
    """The place of the setting that reads and searches least, of those that lose nothing."""
    good = [place for place, gain in enumerate(means) if gain >= means[now] - 1e-9]
    return min(good, key=lambda each: (tried[each].top_k, tried[each].depth, _distance(tried[each], tried[now])))


def _distance(parameters: RetrievalParameters, live: RetrievalParameters) -> tuple[float, ...]:
    """How many parameters are otherwise, and by how much."""
    differences = (
        abs(parameters.dense_weight - live.dense_weight),
        abs(parameters.top_k - live.top_k),
        abs(parameters.depth - live.depth),
    )
    return (sum(each > 0 for each in differences), *differences)
