"""The plots of /ops show what their tables say."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.pages.figures import figure
from app.pages.ops.day_charts import (
    PLANE,
    SPARK_PLANE,
    drawn,
    spark,
    stacked,
    tone_of,
)
from app.pages.ops.day_tables import DayTable, Series, days_until

COUNTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=90)
VALUES = st.lists(st.none() | st.floats(0, 10**9, allow_nan=False), min_size=1, max_size=90)
LAST = date(2026, 11, 23)


def table(*columns: tuple[float | None, ...]) -> DayTable:
    series = tuple(Series(f"s{number}", f"Series {number}", values) for number, values in enumerate(columns))
    return DayTable("test", "count", days_until(LAST, len(columns[0])), series)


@given(COUNTS)
def test_bars_lie_upon_each_other_in_proportion_and_inside_the_plot(counts: list[tuple[int, int]]) -> None:
    drawn_table = table(tuple(one for one, _ in counts), tuple(other for _, other in counts))
    chart = stacked(drawn_table)
    top = float(chart.top.replace(",", ""))
    assert top >= max(one + other for one, other in counts)
    for bar, (one, other) in zip(chart.bars, counts, strict=True):
        assert bar.x >= 0
        assert bar.x + bar.width <= PLANE.width + 0.2
        assert len(bar.pieces) == bool(one) + bool(other)
        below = float(PLANE.height)
        for piece, value in zip(bar.pieces, [value for value in (one, other) if value], strict=True):
            assert abs(piece.y + piece.height - below) < 0.2
            assert abs(piece.height - PLANE.height * value / top) < 0.2
            below = piece.y
        assert below >= 0


def test_a_bar_says_its_day_and_its_counts() -> None:
    assert stacked(table((0, 3), (0, 1200))).bars[0].words == "2026-11-22: nothing"
    assert stacked(table((0, 3), (0, 1200))).bars[1].words == "2026-11-23: Series 0 3, Series 1 1,200"


def test_a_line_breaks_where_nothing_was_measured_and_a_single_day_is_a_dot() -> None:
    (line,) = drawn(table((1, 2, None, 2))).lines
    (whole,), (dot,) = line.stretches, line.dots
    assert len(whole.split()) == 2
    assert dot.split()[0] == dot.split()[1]


@given(VALUES, st.floats(0.001, 10**6))
def test_a_small_plot_keeps_values_and_threshold_inside(values: list[float | None], threshold: float) -> None:
    marks = spark(values, None, threshold)
    heights = [
        float(point.split(",")[1]) for points in (*marks.line.stretches, *marks.line.dots) for point in points.split()
    ]
    assert all(0 <= height <= SPARK_PLANE.height for height in [*heights, marks.threshold])


def test_the_tone_of_a_trigger_is_that_of_how_near_it_is() -> None:
    assert [tone_of(value, 10) for value in (None, 7.9, 8, 10, 11)] == ["even", "even", "held", "worse", "worse"]


def test_a_days_figures_are_the_same_in_table_csv_and_json() -> None:
    found = table((1, 2), (None, 0.5))
    newest, oldest = found.rows()
    assert (newest, oldest) == ((LAST, (2, 0.5)), (LAST - timedelta(days=1), (1, None)))
    assert found.csv() == "day,s0,s1\n2026-11-22,1,\n2026-11-23,2,0.5\n"
    assert found.as_json() == {"days": ["2026-11-22", "2026-11-23"], "s0": [1, 2], "s1": [None, 0.5]}


def test_figures_read_well() -> None:
    assert [figure(None, "count"), figure(12345, "count"), figure(0.25, "seconds"), figure(75, "seconds")] == [
        "–",
        "12,345",
        "0.25 s",
        "75 s",
    ]
    numbers = [figure(value, "number") for value in (0.123456, 0.000459, 14.0, 12345.6)]
    assert numbers == ["0.123", "0", "14", "12,346"]
    assert [figure(value, "money") for value in (3.0, 0.0001234, 12345.6)] == ["3", "0.0001234", "12,346"]
