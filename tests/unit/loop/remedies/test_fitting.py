"""Fitting retrieval parameters to known questions."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.release import RetrievalParameters
from loop.remedies.fit import (
    MOST_PASSAGES,
    balance,
    best,
    best_threshold,
    fitted,
    gain_of,
)
from tests.support.searched import searched

LIVE = RetrievalParameters(dense_weight=1.0, depth=100, top_k=8)


def test_the_leg_that_finds_the_right_places_gets_more_weight() -> None:
    questions = [searched(dense_rank=30, sparse_rank=1)] * 4
    found, figures = fitted(questions, questions[:2], LIVE)
    assert found.dense_weight < 1
    assert gain_of(questions[0], found) == 1.0
    assert figures.choosing.live == 0.0
    assert figures.held_out.candidate == 1.0


def test_what_serves_the_held_out_questions_worse_is_not_proposed() -> None:
    found, figures = fitted([searched(40, 1)] * 4, [searched(1, 40)] * 4, LIVE)
    assert found == LIVE
    assert figures.held_out.loses


def test_nothing_is_changed_where_nothing_is_gained() -> None:
    assert best([searched(1, 1)] * 3, LIVE) == LIVE


def test_passages_are_added_only_for_what_they_bring() -> None:
    # The right chunk is the twelfth of one leg and the last of the other: it is found by reading more only.
    questions = [searched(12, 40)] * 4
    more = best(questions, RetrievalParameters(dense_weight=0.5, depth=100, top_k=8))
    assert 8 < more.top_k <= MOST_PASSAGES
    # One question in forty is not worth eight more passages for all.
    rest = [searched(1, 1)] * 39
    assert best([questions[0], *rest], LIVE).top_k == LIVE.top_k


def test_a_cheaper_setting_loses_nothing() -> None:
    questions = [searched(3, 3)] * 3
    found = best(questions, LIVE, cheaper=True)
    assert found.top_k < LIVE.top_k
    assert gain_of(questions[0], found) >= gain_of(questions[0], LIVE)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=4))
def test_the_choice_is_worth_the_passages_that_it_adds(ranks: list[tuple[int, int]]) -> None:
    questions = [searched(*each) for each in ranks]
    found = best(questions, LIVE)
    gain = sum(gain_of(each, found) for each in questions) / len(questions)
    live = sum(gain_of(each, LIVE) for each in questions) / len(questions)
    assert gain - live >= 0.003 * (found.top_k - LIVE.top_k) - 1e-6


def test_the_threshold_parts_what_is_answerable_from_what_is_not() -> None:
    answerable, unanswerable = [0.7, 0.8, 0.9, 0.6, 0.95], [0.1, 0.2, 0.5, 0.3, 0.4]
    found = best_threshold(0.2, answerable, unanswerable)
    assert 0.5 < found < 0.6
    assert balance(found, answerable, unanswerable) == 1.0
    assert best_threshold(0.55, answerable, unanswerable) == 0.55
