"""Intervals cover what they say, and chance is not taken for a difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.gate.statistics import bootstrap_interval, holm, sign_flip_p

differences = st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=60)


@settings(max_examples=30, deadline=None)
@given(differences)
def test_an_interval_lies_within_the_differences_and_a_wider_level_is_no_narrower(values: list[float]) -> None:
    low, high = bootstrap_interval(values, 0.9)
    wider_low, wider_high = bootstrap_interval(values, 0.99)
    assert min(values) - 1e-9 <= wider_low <= low <= high <= wider_high <= max(values) + 1e-9


def test_equal_differences_leave_no_doubt() -> None:
    assert bootstrap_interval([0.0] * 40, 0.95) == (0.0, 0.0)


def test_the_interval_of_a_large_normal_sample_is_the_textbook_one() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, 900)
    low, high = bootstrap_interval(list(values), 0.95)
    half = 1.96 * values.std() / 30
    assert low == pytest.approx(values.mean() - half, abs=0.005)
    assert high == pytest.approx(values.mean() + half, abs=0.005)


def test_no_interval_without_differences() -> None:
    with pytest.raises(ValueError, match="no differences"):
        bootstrap_interval([], 0.95)


@pytest.mark.parametrize(("wins", "p"), [(1, 1.0), (4, 0.125), (5, 0.0625), (6, 0.03125)])
def test_few_wins_without_a_loss_have_the_sign_tests_p_value(wins: int, p: float) -> None:
    assert sign_flip_p([1.0] * wins + [0.0] * 50) == pytest.approx(p)


def test_nothing_that_differs_is_no_evidence() -> None:
    assert sign_flip_p([0.0] * 100) == 1.0


def test_many_pairs_agree_with_the_exact_binomial_test() -> None:
    # 30 wins and 10 losses: two-sided sign test p = 0.0022.
    assert sign_flip_p([1.0] * 30 + [-1.0] * 10) == pytest.approx(0.0022, abs=0.001)


@settings(max_examples=30, deadline=None)
@given(differences)
def test_turning_every_difference_round_changes_nothing(values: list[float]) -> None:
    assert sign_flip_p(values) == pytest.approx(sign_flip_p([-each for each in values]), abs=0.03)


def test_holm_adjusts_the_published_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_makes_a_p_value_smaller_and_keeps_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(before <= after <= 1 for before, after in zip(values, adjusted, strict=True))
    ranked = sorted(zip(values, adjusted, strict=True))
    assert [after for _, after in ranked] == sorted(adjusted)
