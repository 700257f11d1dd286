"""What difference between answers of now and before is found, and what chance makes is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Vector
from loop.triggers.drift import (
    mean_ratio,
    question_drift,
    rise,
    score_drift,
    slowest_ratio,
)


def questions(count: int, about: int, seed: int) -> Vector:
    """Unit vectors around one of two subjects."""
    centre = np.zeros(32)
    centre[about] = 1.0
    vectors = np.random.default_rng(seed).normal(scale=0.2, size=(count, 32)) + centre
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_questions_about_the_same_have_not_drifted() -> None:
    found = question_drift(questions(200, 0, 1), questions(100, 0, 2))
    assert found.value < 0.1
    assert found.p_value > 0.01


def test_the_more_questions_are_about_something_else_the_further_they_have_drifted() -> None:
    before = questions(200, 0, 1)
    mixed = [np.concatenate([questions(100 - part, 0, 2), questions(part, 1, 3)]) for part in (10, 30, 60, 100)]
    found = [question_drift(before, now) for now in mixed]
    values = [each.value for each in found]
    assert values == sorted(values)
    assert found[-1].value > 1
    assert found[-1].p_value == 0.0005


def test_the_same_question_again_and_again_is_no_drift_from_itself() -> None:
    same = np.repeat(questions(1, 0, 1), 40, axis=0)
    found = question_drift(same, same)
    assert found.value < 0.01
    assert found.p_value > 0.01


def test_scores_on_another_side_are_told_by_share() -> None:
    before = list(np.linspace(0, 1, 100))
    assert score_drift(before, before).value == 0
    found = score_drift(before, [0.95] * 50 + before[:50])
    assert found.value == pytest.approx(0.46, abs=0.06)
    assert found.p_value < 0.001


def test_a_rise_is_told_from_chance_and_a_fall_is_none() -> None:
    few, many = [0.0] * 90 + [1.0] * 10, [0.0] * 60 + [1.0] * 40
    up = rise(few, many)
    assert up.value == pytest.approx(0.3)
    assert up.p_value <= 0.001
    assert rise(many, few).p_value > 0.9
    assert rise(few, [*few[:-1], 1.0]).p_value > 0.1


def test_how_many_times_as_slow_and_as_dear_answers_became() -> None:
    fast = [1.0] * 285 + [2.0] * 15
    slow = [1.0] * 240 + [6.0] * 60
    assert slowest_ratio(fast, slow).value == pytest.approx(6 / float(np.quantile(fast, 0.95)))
    assert slowest_ratio(fast, slow).p_value <= 0.001
    assert mean_ratio([1.0] * 50, [1.5] * 50).value == 1.5


def test_nothing_costs_as_much_as_nothing_and_something_more() -> None:
    assert mean_ratio([0.0] * 40, [0.0] * 40).value == 1
    assert mean_ratio([0.0] * 40, [0.0] * 40).p_value == 1
    assert mean_ratio([0.0] * 40, [1.0] * 40).value == float("inf")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=30), st.lists(st.floats(0, 100), min_size=2, max_size=30))
def test_every_p_value_is_a_probability(before: list[float], now: list[float]) -> None:
    for measure in (score_drift, rise, mean_ratio, slowest_ratio):
        assert 0 <= measure(before, now).p_value <= 1
