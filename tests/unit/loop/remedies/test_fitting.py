"""Fitting retrieval parameters to known questions."""

from __future__ import annotations

import random

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from core.release import RetrievalParameters
from loop.remedies.figures import FitFigures, FoundSetting
from loop.remedies.fit import MOST_PASSAGES, Searched, balance, best_threshold, fitted, gain_of, settings
from tests.support.searched import searched, several

LIVE = RetrievalParameters(dense_weight=1.0, depth=100, top_k=8)


def fit(
    choosing: list[Searched], held_out: list[Searched], live: RetrievalParameters = LIVE, *, cheaper: bool = False
) -> tuple[RetrievalParameters, FitFigures]:
    return fitted(choosing, held_out, live, settings(live, cheaper=cheaper), cheaper=cheaper)


def test_the_leg_that_finds_the_right_places_gets_more_weight() -> None:
    questions = several(6, dense_rank=30, sparse_rank=1)
    found, figures = fit(questions, questions[:2])
    assert found.dense_weight < 1
    assert gain_of(questions[0], found) == 1.0
    assert figures.choosing.live == 0.0
    assert figures.held_out.candidate == 1.0


def test_what_serves_the_held_out_questions_worse_is_not_proposed() -> None:
    found, figures = fit(several(6, 40, 1), several(6, 1, 40))
    assert found == LIVE
    assert figures.choosing.gains
    assert figures.held_out.loses


def test_what_only_the_questions_gain_that_chose_it_is_not_proposed() -> None:
    # Where each leg ranks what is chance: another setting fits these questions best, and not the next ones.
    chance = random.Random(30)
    questions = [searched(chance.randint(1, 40), chance.randint(1, 40)) for _ in range(20)]
    live = RetrievalParameters(dense_weight=0.5)
    found, figures = fit(questions, several(5, 1, 1), live)
    assert figures.best.dense_weight != live.dense_weight
    assert not figures.choosing.gains
    assert not figures.held_out.loses
    assert found == live


def test_a_question_that_many_asked_does_not_prove_itself() -> None:
    found, figures = fit([searched(30, 1)] * 30, [])
    assert figures.best.dense_weight < LIVE.dense_weight
    assert found == LIVE


def test_nothing_is_changed_where_nothing_is_gained() -> None:
    found, figures = fit(several(6, 1, 1), [])
    assert found == LIVE
    assert figures.best == FoundSetting(dense_weight=1.0, depth=100, top_k=8)


def test_passages_are_added_only_for_what_they_bring() -> None:
    # The right chunk is the twelfth of one leg and the last of the other: it is found by reading more only.
    more, _ = fit(several(6, 12, 40), [], RetrievalParameters(dense_weight=0.5, depth=100, top_k=8))
    assert 8 < more.top_k <= MOST_PASSAGES
    # One question in forty is not worth eight more passages for all.
    _, figures = fit([searched(12, 40), *several(39, 1, 1)], [])
    assert figures.best.top_k == LIVE.top_k


def test_a_cheaper_setting_loses_nothing() -> None:
    questions = several(3, 3, 3)
    found, _ = fit(questions, questions, cheaper=True)
    assert found.top_k < LIVE.top_k
    assert gain_of(questions[0], found) >= gain_of(questions[0], LIVE)


@hypothesis.settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=4))
def test_the_choice_is_worth_the_passages_that_it_adds(ranks: list[tuple[int, int]]) -> None:
    questions = [searched(*each) for each in ranks]
    _, figures = fit(questions, [])
    found = LIVE.model_copy(update=figures.best.model_dump())
    gain = sum(gain_of(each, found) for each in questions) / len(questions)
    live = sum(gain_of(each, LIVE) for each in questions) / len(questions)
    assert gain - live >= 0.003 * (found.top_k - LIVE.top_k) - 1e-6


def test_the_threshold_parts_what_is_answerable_from_what_is_not() -> None:
    answerable, unanswerable = [0.7, 0.8, 0.9, 0.6, 0.95], [0.1, 0.2, 0.5, 0.3, 0.4]
    found = best_threshold(0.2, answerable, unanswerable)
    assert 0.5 < found < 0.6
    assert balance(found, answerable, unanswerable) == 1.0
    assert best_threshold(0.55, answerable, unanswerable) == 0.55
