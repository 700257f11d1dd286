"""Where the marks of plots by day stand. Pure; the templates draw them as SVG, as evals.report.chart's.

A plot is stretched, so that it can be read on a phone; the words stand around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from app.pages.figures import figure
from app.pages.ops.day_tables import DayTable
from evals.report.plane import Plane

PLANE = Plane(720, 160, stretched=True)
SPARK_PLANE = Plane(220, 36, stretched=True)
# Share of a day's width that its bar fills.
_FILLED = 0.8
# Room above the highest mark of a small plot.
_HEADROOM = 1.15


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day's bar, in the colour of its series."""

    tone: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One day. `words` say all of it."""

    x: float
    width: float
    pieces: tuple[Piece, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """One series; a gap where nothing was measured. Each stretch is a list of points as SVG wants them; those of one
    point are `dots`, the point twice, which is drawn as a line that ends where it begins, with round ends."""

    tone: str
    stretches: tuple[str, ...]
    dots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is what the upper edge stands for, `middle` half of it."""

    plane: ClassVar[Plane] = PLANE
    top: str
    middle: str
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Spark:
    """A small plot of one series, with its threshold's height. `tone` is worse from the threshold on, held near it."""

    plane: ClassVar[Plane] = SPARK_PLANE
    line: Line
    threshold: float
    tone: str


def stacked(table: DayTable) -> Chart:
    """A bar for each day, its series upon each other."""
    top = _round_up(max((sum(value or 0 for value in values) for _, values in table.rows()), default=0.0))
    if table.unit == "count":
        top = max(2.0, top)  # half of it is a count too
    width = PLANE.width / max(1, len(table.days))
    bars = [_bar(table, place, width, top) for place in range(len(table.days))]
    return Chart(figure(top, table.unit), figure(top / 2, table.unit), bars=tuple(bars))


def drawn(table: DayTable) -> Chart:
    """A line for each series, all on one scale that begins at 0."""
    top = _round_up(max((value or 0 for column in table.series for value in column.values), default=0.0))
    lines = [_line(column.name, column.values, PLANE, top) for column in table.series]
    return Chart(figure(top, table.unit), figure(top / 2, table.unit), lines=tuple(lines))


def spark(values: Sequence[float | None], now: float | None, threshold: float) -> Spark:
    """What a trigger measured by day, beside the threshold from which it fires; `now` tells how near it is."""
    top = max([threshold, *(value for value in values if value is not None)]) * _HEADROOM or 1.0
    line = _line("value", values, SPARK_PLANE, top)
    return Spark(line, SPARK_PLANE.down(threshold, top), tone_of(now, threshold))


def tone_of(value: float | None, threshold: float) -> str:
    """How near a value is to the threshold: worse, held (four fifths of the way), even."""
    if value is None or value < 0.8 * threshold:
        return "even"
    return "worse" if value >= threshold else "held"


def _bar(table: DayTable, place: int, width: float, top: float) -> Bar:
    pieces, below, said = [], 0.0, []
    for column in table.series:
        value = column.values[place] or 0.0
        if value:
            upper = PLANE.down(below + value, top)
            pieces.append(Piece(column.name, upper, round(PLANE.down(below, top) - upper, 1)))
            said.append(f"{column.label} {figure(value, table.unit)}")
        below += value
    x = round(width * place + width * (1 - _FILLED) / 2, 1)
    words = f"{table.days[place].isoformat()}: {', '.join(said) or 'nothing'}"
    return Bar(x, round(width * _FILLED, 1), tuple(pieces), words)


def _line(tone: str, values: Sequence[float | None], plane: Plane, top: float) -> Line:
    step = plane.width / max(1, len(values))
    stretches: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append(f"{step * (place + 0.5):.1f},{plane.down(value, top)}")
    return Line(
        tone,
        stretches=tuple(" ".join(points) for points in stretches if len(points) > 1),
        dots=tuple(" ".join(points * 2) for points in stretches if len(points) == 1),
    )


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10, 20, 40, …: half of it is a round number."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if value <= step * power * (1 + 1e-9))
