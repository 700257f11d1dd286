"""What votes teach about questions (retrieval.question_map), and what that brings to questions that did not teach it.

Cross-validated, as shares are: each question that teaches is searched for as the questions of the other parts teach,
so that what is learned is never measured on itself. Pure, but for the searches that each question brings along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from core.release import RetrievalParameters
from core.types import Vector
from loop.remedies.figures import MapFigures
from loop.remedies.fit import Searched, gain_of
from loop.remedies.gain import compared, crossed
from loop.remedies.share_fit import LEAST_QUESTIONS
from retrieval.question_map import QuestionMap, learned

# From trusting each vote to trusting only what several say.
RIDGES = (0.3, 1.0, 3.0)


@dataclass(frozen=True, slots=True, eq=False)
class VotedQuestion:
    """A question with its own vector and what that finds, and a `search` with another vector. `passage` is the vector
    of the chunk that holds its answer, None where no leg finds one."""

    vector: Vector
    searched: Searched
    search: Callable[[Vector], Searched]
    passage: Vector | None = None

    def moved(self, question_map: QuestionMap | None) -> Searched:
        """What is found with the map."""
        vector = self.vector if question_map is None else question_map.apply(self.vector)
        return self.searched if vector is self.vector else self.search(vector)


@dataclass(frozen=True, slots=True)
class MapFit:
    """The map, None where it is not taken, what was measured, and what both sides find with what is taken: the choosing
    ones by what the others teach."""

    taken: QuestionMap | None
    figures: MapFigures | None
    choosing: Sequence[Searched]
    held_out: Sequence[Searched]


def fit_map(
    choosing: Sequence[VotedQuestion],
    held_out: Sequence[VotedQuestion],
    live: QuestionMap | None,
    parameters: RetrievalParameters,
) -> MapFit:
    """A map by the choosing questions, taken if it surely serves those better that did not teach it, and the held-out
    ones not worse than the `live` one does."""
    before = [each.moved(live) for each in held_out]
    if sum(each.passage is not None for each in choosing) < LEAST_QUESTIONS:
        return MapFit(None, None, [each.moved(live) for each in choosing], before)
    plain = [each.searched for each in choosing]
    others = {ridge: _crossed(choosing, ridge) for ridge in RIDGES}
    ridge = max(RIDGES, key=lambda each: (round(fmean(_gains(others[each], parameters)), 6), each))
    taught = _learned(choosing, ridge)
    after = [each.moved(taught) for each in held_out]
    figures = MapFigures(
        questions=len(taught.known),
        ridge=ridge,
        choosing=compared(_gains(plain, parameters), _gains(others[ridge], parameters)),
        held_out=compared(_gains(before, parameters), _gains(after, parameters)),
    )
    if figures.gains:
        return MapFit(taught, figures, others[ridge], after)
    # A live map was taught by these questions too: what it makes of them tells nothing.
    return MapFit(None, figures, plain if live is None else others[ridge], before)


def _crossed(questions: Sequence[VotedQuestion], ridge: float) -> list[Searched]:
    """What each finds by what the other parts teach."""

    def learn(numbers: Sequence[int]) -> QuestionMap | None:
        return _learned([questions[number] for number in numbers], ridge)

    maps = crossed([each.searched.query for each in questions], learn, None)
    return [each.moved(taught) for each, taught in zip(questions, maps, strict=True)]


def _learned(questions: Sequence[VotedQuestion], ridge: float) -> QuestionMap:
    known = [(each.vector, each.passage) for each in questions if each.passage is not None]
    vectors, passages = zip(*known, strict=True)
    return learned(np.stack(vectors), np.stack(passages), ridge)


def _gains(searched: Sequence[Searched], parameters: RetrievalParameters) -> list[float]:
    return [gain_of(each, parameters) for each in searched]
