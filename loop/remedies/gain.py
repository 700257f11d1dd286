"""How well the right places are found: for each question one number, and two ways of retrieving compared; what some
questions choose is measured on others. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from evals.cases.gold_span import GoldSpan
from evals.gate.statistics import bootstrap_interval
from evals.metrics.relevance import Stretch
from evals.metrics.retrieval import discount
from loop.remedies.figures import GainComparison

# Intervals cover 95 %, as the gate's do.
LEVEL = 0.95
PARTS = 5
Chosen = TypeVar("Chosen")


def holds(stretch: Stretch, place: GoldSpan) -> bool:
    """Whether the stretch holds the place whole: a generator that reads half of a sentence cannot quote it. Of a place
    that is a whole document, any stretch will do."""
    return stretch.uri == place.uri and (
        place.whole_document or (stretch.start <= place.start and place.end <= stretch.end)
    )


def gain(passages: Sequence[Stretch], places: Sequence[GoldSpan]) -> float:
    """From 0 to 1, how far up the places stand whole among the passages, which are best first.

    A place counts 1 / log2(1 + r) for the rank r of the first passage that holds it, 0 if none does, as in nDCG; the
    mean over the places. What is far down may be cut from the context, and the first passages are read most.
    """
    return fmean(discounted(_rank(passages, place)) for place in places)


def discounted(rank: int | None) -> float:
    """What a place is worth that is first held by the passage of this rank, from 1."""
    return 0.0 if rank is None else discount(rank)


def compared(live: Sequence[float], other: Sequence[float]) -> GainComparison:
    """The means over the same questions of what is live and of something else, and their difference with its
    interval."""
    if not live:
        return GainComparison(questions=0)
    differences = [after - before for before, after in zip(live, other, strict=True)]
    low, high = bootstrap_interval(differences, LEVEL)
    return GainComparison(
        questions=len(differences),
        live=round(fmean(live), 4),
        candidate=round(fmean(other), 4),
        difference=round(fmean(differences), 4),
        interval=(round(low, 4), round(high, 4)),
        better=sum(difference > 0 for difference in differences),
        worse=sum(difference < 0 for difference in differences),
    )


def crossed(queries: Sequence[str], choose: Callable[[Sequence[int]], Chosen], otherwise: Chosen) -> list[Chosen]:
    """For each question what `choose` makes of the numbers of those in the other four parts, `otherwise` where there is
    none. A question that was asked twice is in one part: it does not prove itself."""
    order = {query: number for number, query in enumerate(dict.fromkeys(queries))}
    parts = [order[query] % PARTS for query in queries]
    chosen = {}
    for part in dict.fromkeys(parts):
        others = [number for number, each in enumerate(parts) if each != part]
        chosen[part] = choose(others) if others else otherwise
    return [chosen[part] for part in parts]


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """Where a chunk stands: all that is looked at of a passage here."""

    uri: str
    start: int
    end: int


def _rank(passages: Sequence[Stretch], place: GoldSpan) -> int | None:
    return next((rank for rank, passage in enumerate(passages, start=1) if holds(passage, place)), None)
