"""A map of questions is taken where votes teach something that holds for others, and left where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from core.release import RetrievalParameters
from core.types import Hit, SearchLegs, Vector
from loop.remedies.fit import Searched
from loop.remedies.map_fit import VotedQuestion, fit_map

LIVE = RetrievalParameters(dense_weight=1.0)
SUBJECTS = 12
ODDS = np.random.default_rng(0)


def units(count: int) -> Vector:
    drawn = ODDS.normal(size=(count, 64))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


# Questions about a subject stand near each other, and nowhere near the passage that answers them.
ASKED, PASSAGES = units(SUBJECTS), units(40)


def search(query: str, right: int, vector: Vector) -> Searched:
    hits = sorted(
        (Hit(str(number), float(score)) for number, score in enumerate(PASSAGES @ vector)), key=lambda hit: -hit.score
    )
    return Searched(query, SearchLegs(tuple(hits), (), 1), {str(right): frozenset({0})}, 1)


def asked(query: str, vector: Vector, place: int) -> VotedQuestion:
    return VotedQuestion(vector, search(query, place, vector), partial(search, query, place), PASSAGES[place])


def voted(count: int, right: Sequence[int]) -> list[VotedQuestion]:
    """So many questions, going through the subjects; `right` is the passage of each subject."""
    found = []
    for number in range(count):
        subject = number % SUBJECTS
        vector = ASKED[subject] + 0.5 * units(1)[0]
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        place = right[subject]
        found.append(asked(f"question {number}", vector, place))
    return found


RIGHT = list(range(SUBJECTS))


def test_a_map_that_serves_others_is_taken() -> None:
    fit = fit_map(voted(60, RIGHT), voted(40, RIGHT), None, LIVE)
    assert fit.taken is not None
    assert fit.figures is not None
    assert fit.figures.questions == 60
    assert fit.figures.choosing.interval is not None
    assert fit.figures.choosing.interval[0] > 0
    assert (fit.figures.held_out.difference or 0) > 0.1
    assert len(fit.choosing) == 60
    assert len(fit.held_out) == 40


def test_a_map_is_taken_though_some_votes_are_wrong() -> None:
    choosing = voted(60, RIGHT)
    wrong = voted(12, RIGHT[::-1])
    fit = fit_map([*choosing[:48], *wrong], voted(40, RIGHT), None, LIVE)
    assert fit.taken is not None
    assert (fit.figures.held_out.difference or 0) > 0.05 if fit.figures else False


def test_what_teaches_nothing_is_not_taken() -> None:
    questions = voted(60, RIGHT)
    places = ODDS.integers(0, 40, size=60)
    random = [
        asked(each.searched.query, each.vector, place) for each, place in zip(questions, places.tolist(), strict=True)
    ]
    fit = fit_map(random, voted(40, RIGHT), None, LIVE)
    assert fit.taken is None
    assert fit.figures is not None
    assert [each.legs for each in fit.choosing] == [each.searched.legs for each in random]


def test_what_serves_the_held_out_questions_worse_is_not_taken() -> None:
    # These are asked like the first subject, and are found first without a map.
    vector = ASKED[0] + 0.4 * PASSAGES[20]
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    held_out = [asked("another", vector, 20)] * 10
    fit = fit_map(voted(60, RIGHT), held_out, None, LIVE)
    assert fit.figures is not None
    assert fit.figures.held_out.loses
    assert fit.taken is None


def test_a_few_votes_teach_nothing() -> None:
    fit = fit_map(voted(19, RIGHT), voted(10, RIGHT), None, LIVE)
    assert (fit.taken, fit.figures) == (None, None)


def test_a_question_that_was_asked_twice_does_not_prove_itself() -> None:
    questions = voted(12, RIGHT)  # one about each subject: nothing that another teaches holds for it
    again = [*questions, *questions, *questions]
    fit = fit_map(again, [], None, LIVE)
    assert fit.taken is None


def test_a_live_map_stays_unless_the_new_one_serves_the_held_out_questions_as_well() -> None:
    held_out = voted(60, RIGHT)
    live = fit_map(voted(240, RIGHT), held_out, None, LIVE).taken
    assert live is not None
    half = [each for number, each in enumerate(voted(48, RIGHT)) if number % SUBJECTS < SUBJECTS // 2]
    fit = fit_map(half, held_out, live, LIVE)
    assert fit.taken is None
    assert [each.legs for each in fit.held_out] == [each.moved(live).legs for each in held_out]
