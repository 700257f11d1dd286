"""How well right places are found, as a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.cases.gold_span import GoldSpan
from loop.remedies.figures import GainComparison
from loop.remedies.gain import ChunkSpan, compared, gain, holds

PLACE = GoldSpan("a/b.md", 10, 20)


def test_a_place_counts_where_it_stands_whole_and_less_further_down() -> None:
    whole, half, elsewhere = ChunkSpan("a/b.md", 5, 20), ChunkSpan("a/b.md", 5, 19), ChunkSpan("a/c.md", 0, 99)
    assert gain([whole, half], [PLACE]) == 1.0
    assert gain([elsewhere, whole], [PLACE]) == pytest.approx(0.6309, abs=1e-4)
    assert gain([half, elsewhere], [PLACE]) == 0.0
    assert holds(whole, PLACE)
    assert not holds(half, PLACE)


def test_several_places_count_alike() -> None:
    other = GoldSpan("a/c.md", 0, 5)
    assert gain([ChunkSpan("a/b.md", 0, 50)], [PLACE, other]) == 0.5


def test_the_comparison_says_how_many_gained_and_lost_and_how_sure_that_is() -> None:
    found = compared([0.0, 0.0, 1.0, 0.5], [1.0, 1.0, 0.5, 0.5])
    assert (found.questions, found.better, found.worse) == (4, 2, 1)
    assert found.difference == pytest.approx(0.375)
    assert found.interval is not None
    assert found.interval[0] < 0.375 < found.interval[1]
    assert compared([], []) == GainComparison(questions=0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_what_is_the_same_has_no_difference(values: list[float]) -> None:
    assert compared(values, values).difference == 0
