"""Where the marks of a plot stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evals.gate.comparison import Interval, Verdict
from evals.report.chart import PLANE, outcome_bar, plot_of

NUMBERS = st.floats(-1e6, 1e6)


@given(difference=NUMBERS, ends=st.tuples(NUMBERS, NUMBERS), scale=st.floats(0.01, 1e6), margin=st.floats(0, 1e6))
def test_every_mark_stands_inside_the_plot_and_better_is_on_the_right(
    difference: float, ends: tuple[float, float], scale: float, margin: float
) -> None:
    found = plot_of(difference, Interval(low=min(ends), high=max(ends), level=0.95), scale, margin)
    assert found.low is not None
    assert found.high is not None
    assert found.margin is not None
    assert all(0 <= mark <= PLANE.width for mark in (found.dot, found.low, found.high, found.margin))
    assert found.low <= found.high
    assert (found.dot >= PLANE.width / 2) or difference < 0
    assert found.margin <= PLANE.width / 2


def test_the_colour_is_what_the_gate_found_whatever_the_interval() -> None:
    gain = Interval(low=0.01, high=0.2, level=0.95)
    assert plot_of(0.1, gain, 1).tone == "better"
    assert plot_of(0.1, gain, 1, 0.02, Verdict.NO_WORSE).tone == "even"
    assert plot_of(-0.1, None, 1, 0.02, Verdict.WORSE).tone == "worse"


@given(st.lists(st.tuples(st.sampled_from(["win", "tie", "loss"]), st.integers(0, 10_000)), max_size=4))
def test_the_bar_s_parts_follow_each_other_and_none_is_empty(counts: list[tuple[str, int]]) -> None:
    parts = outcome_bar(counts)
    assert [part.count for part in parts] == [count for _, count in counts if count]
    assert sum(part.width for part in parts) <= 600 + 0.1 * len(parts)
