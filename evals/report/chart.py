"""Where the marks of a report's plots stand. Pure; the templates draw them as SVG.

A plot of one comparison is a line with 0 in its middle: the dot is the difference, the bar its interval, right of 0 is
better. All shares lie on one scale, so that their bars can be compared; other units have a scale each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.gate.comparison import Interval, MetricComparison, Verdict
from evals.report.plane import Plane

PLANE = Plane(220, 24)
BAR_PLANE = Plane(600, 20, stretched=True)
# Room for the dot at either end.
_INSET = 6
# Where nothing differs there must be a scale all the same: one point of a hundred.
_SMALLEST = 0.01


@dataclass(frozen=True, slots=True)
class Plot:
    """Horizontal places on PLANE. `tone` is better, worse or even: the colour."""

    dot: float
    low: float | None
    high: float | None
    margin: float | None
    tone: str


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the bar of outcomes."""

    name: str
    count: int
    start: float
    width: float


def share_scale(metrics: Iterable[MetricComparison], intervals: Iterable[Interval | None] = ()) -> float:
    """How far the common scale of all shares reaches on either side of 0."""
    reach = [_reach(metric) for metric in metrics if metric.unit == "share"]
    reach += [max(abs(found.low), abs(found.high)) for found in intervals if found]
    return max([_SMALLEST, *reach])


def plot(metric: MetricComparison, scale: float) -> Plot | None:
    """The plot of a metric; None where there is nothing to compare with."""
    if metric.difference is None:
        return None
    own = scale if metric.unit == "share" else (_reach(metric) or 1.0)
    return plot_of(metric.difference, metric.interval, own, metric.margin, metric.finding)


def plot_of(
    difference: float,
    interval: Interval | None,
    scale: float,
    margin: float | None = None,
    finding: Verdict | None = None,
) -> Plot:
    """The plot in the colour of what the gate found; where it looks away, of the side of 0 that the interval is on."""
    low, high = (interval.low, interval.high) if interval else (None, None)
    tone = "even"
    if finding is not None:
        tone = finding.value if finding in (Verdict.BETTER, Verdict.WORSE) else "even"
    elif low is not None and high is not None:
        tone = "better" if low > 0 else "worse" if high < 0 else "even"
    return Plot(
        dot=_place(difference, scale),
        low=None if low is None else _place(low, scale),
        high=None if high is None else _place(high, scale),
        margin=None if margin is None else _place(-margin, scale),
        tone=tone,
    )


def outcome_bar(counts: Sequence[tuple[str, int]]) -> list[Part]:
    """The counts side by side on BAR_PLANE, as wide as their shares."""
    total = sum(count for _, count in counts) or 1
    parts, at = [], 0.0
    for name, count in counts:
        size = BAR_PLANE.width * count / total
        if count:
            parts.append(Part(name, count, round(at, 1), round(size, 1)))
        at += size
    return parts


def verdict_tone(verdict: Verdict, passes: bool) -> str:
    """The colour of the verdict: good only if the candidate may be approved."""
    if passes:
        return "better"
    return "worse" if verdict is Verdict.WORSE else "held"


def _reach(metric: MetricComparison) -> float:
    ends = [metric.difference or 0.0, metric.margin or 0.0]
    if metric.interval:
        ends += [metric.interval.low, metric.interval.high]
    return max(abs(end) for end in ends)


def _place(value: float, scale: float) -> float:
    return PLANE.across(value, scale, _INSET)
