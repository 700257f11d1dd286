"""A report, arranged for its page: which metrics stand together, with their plots and what is counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evals.gate.comparison import MetricComparison, SliceComparison
from evals.metrics.metric import Group
from evals.report.case_detail import CaseDetail, MetricOutcome, SideDetail
from evals.report.chart import (
    Part,
    Plot,
    outcome_bar,
    plot,
    plot_of,
    share_scale,
    verdict_tone,
)
from evals.report.report import Report, ReportRow
from evals.report.rows import (
    OUTCOMES,
    FeedbackCount,
    ListedRow,
    Outcome,
    Percentiles,
    RowQuery,
    count_feedback,
    count_outcomes,
    percentiles,
    select_rows,
)
from evals.report.words import GROUPS


@dataclass(frozen=True, slots=True)
class MetricLine:
    """A metric with its plot."""

    metric: MetricComparison
    plot: Plot | None


@dataclass(frozen=True, slots=True)
class SliceLine:
    """A slice with its plot, and the unit of its metric."""

    slice: SliceComparison
    unit: str
    plot: Plot | None


@dataclass(frozen=True, slots=True)
class Spread:
    """How a cost is spread over the rows on both sides."""

    metric: MetricComparison
    baseline: Percentiles | None
    candidate: Percentiles | None


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """What one metric made of both answers to a case."""

    name: str
    unit: str
    gated: bool
    baseline: MetricOutcome | None
    candidate: MetricOutcome | None

    @property
    def differs(self) -> bool:
        return self.baseline is not None and self.candidate is not None and self.baseline.score != self.candidate.score


@dataclass(frozen=True, slots=True)
class ReportView:
    """What the templates show. `unmeasured` are metrics that no question gave a score; `ordinals` finds a case's place
    by its id."""

    report: Report
    tone: str
    gated: tuple[MetricLine, ...]
    groups: tuple[tuple[str, tuple[MetricLine, ...]], ...]
    unmeasured: tuple[MetricComparison, ...]
    spreads: tuple[Spread, ...]
    slices: tuple[SliceLine, ...]
    counts: Mapping[Outcome, int]
    bar: tuple[Part, ...]
    feedback: FeedbackCount
    ordinals: Mapping[str, int]
    tags: tuple[str, ...]

    @property
    def locked_worse(self) -> int:
        return sum(case.baseline is True and case.candidate is not True for case in self.report.locked)


def is_gated(metric: MetricComparison) -> bool:
    """Whether the gate looks at it."""
    return metric.margin is not None or bool(metric.reason)


def view_of(report: Report) -> ReportView:
    scale = share_scale(report.metrics, [found.interval for found in report.slices])
    measured = [metric for metric in report.metrics if metric.candidate is not None or metric.failed]
    lines = [MetricLine(metric, plot(metric, scale)) for metric in measured]
    primary_first = sorted(lines, key=lambda line: line.metric.name != report.primary)
    counts = count_outcomes(select_rows(report, RowQuery()))
    return ReportView(
        report=report,
        tone=verdict_tone(report.verdict, report.passes),
        gated=tuple(line for line in primary_first if is_gated(line.metric)),
        groups=tuple(
            (title, found)
            for group, title in GROUPS.items()
            if (found := tuple(line for line in lines if line.metric.group is group and not is_gated(line.metric)))
        ),
        unmeasured=tuple(metric for metric in report.metrics if metric not in measured),
        spreads=tuple(_spread(report, metric) for metric in measured if metric.group is Group.OPERATION),
        slices=tuple(_slice(report, found, scale) for found in report.slices),
        counts=counts,
        bar=tuple(outcome_bar([(outcome, counts[outcome]) for outcome in ("win", "tie", "loss", "unscored")])),
        feedback=count_feedback(report),
        ordinals={row.case_id: row.ordinal for row in report.rows},
        tags=tuple(sorted({tag for row in report.rows for tag in row.tags})),
    )


def score_lines(report: Report, detail: CaseDetail) -> list[ScoreLine]:
    """Both sides' outcomes of every metric, those first that differ, and among them those that the gate looks at."""
    metrics = {metric.name: metric for metric in report.metrics}
    row = next((row for row in report.rows if row.ordinal == detail.ordinal), None)
    names = dict.fromkeys([*metrics, *detail.metrics])
    lines = []
    for name in names:
        metric = metrics.get(name)
        lines.append(
            ScoreLine(
                name=name,
                unit=metric.unit if metric else "score",
                gated=metric is not None and is_gated(metric),
                baseline=_outcome(detail.baseline, name, row, "baseline"),
                candidate=_outcome(detail.candidate, name, row, "candidate"),
            )
        )
    known = [line for line in lines if line.baseline or line.candidate]
    return sorted(known, key=lambda line: (not line.differs, not line.gated, line.name != report.primary))


def rows_by_outcome(report: Report) -> list[tuple[Outcome, list[ListedRow]]]:
    """All rows, the worst first, apart by outcome."""
    listed = select_rows(report, RowQuery())
    return [(outcome, [row for row in listed if row.outcome == outcome]) for outcome in OUTCOMES]


def _spread(report: Report, metric: MetricComparison) -> Spread:
    return Spread(metric, percentiles(report, metric.name, "baseline"), percentiles(report, metric.name, "candidate"))


def _slice(report: Report, found: SliceComparison, scale: float) -> SliceLine:
    unit = next((metric.unit for metric in report.metrics if metric.name == found.metric), "score")
    if found.difference is None:
        return SliceLine(found, unit, None)
    ends = (found.interval.low, found.interval.high) if found.interval else ()
    own = scale if unit == "share" else max(abs(end) for end in (found.difference, *ends)) or 1.0
    return SliceLine(found, unit, plot_of(found.difference, found.interval, own))


def _outcome(side: SideDetail | None, metric: str, row: ReportRow | None, name: str) -> MetricOutcome | None:
    """The ledger's outcome; for a metric that depends on other rows, which only the report keeps, the report's."""
    found = side.outcome(metric) if side else None
    if found is not None or side is None or row is None or metric not in row.scores:
        return found
    score = getattr(row.scores[metric], name)
    return None if score is None else MetricOutcome(metric, "scored", score, "", {})
