"""Which of a report's rows are meant, and in what order; and what is counted over them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evals.gate.comparison import MetricComparison
from evals.gate.gate import EQUAL
from evals.metrics.metric import Group
from evals.report.report import Report, ReportRow

Outcome = Literal["win", "loss", "tie", "unscored"]
Sort = Literal["worst", "best", "case", "baseline", "candidate"]

OUTCOMES: tuple[Outcome, ...] = ("loss", "win", "tie", "unscored")
FEEDBACK = "feedback"

# From worst to best. Among rows whose primary scores are equal, other metrics told losses from wins.
_WORST_FIRST = {"unscored": 0, "loss": 1, "tie": 2, "win": 3}


@dataclass(frozen=True, slots=True)
class RowQuery:
    """What to list. An empty field means all; `metric` "" compares by the report's own outcome, a named one by its
    scores."""

    outcome: Outcome | Literal[""] = ""
    metric: str = ""
    tag: str = ""
    text: str = ""
    locked: bool = False
    origin: str = ""
    sort: Sort = "worst"


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row beside the metric that the list is by. `difference` is above 0 where the candidate is better; `decided_by`
    names the metrics that made a win or a loss of it where the primary one is equal."""

    row: ReportRow
    outcome: Outcome
    baseline: float | None
    candidate: float | None
    difference: float
    decided_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The middle and the slow end of one metric's rows on one side."""

    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class FeedbackCount:
    """Cases that came from complaints: how many the candidate answers right that the baseline did not, and the
    other way round."""

    total: int
    fixed: int
    broken: int


def select_rows(report: Report, query: RowQuery) -> list[ListedRow]:
    """The rows that the query asks for, in its order."""
    by = _metric(report, query.metric or report.primary)
    rows = [row for row in report.rows if _matches(row, query)]
    listed = [
        _by_metric(row, by) if query.metric else _by_outcome(row, by, decisive_metrics(report, row)) for row in rows
    ]
    kept = [row for row in listed if not query.outcome or row.outcome == query.outcome]
    return sorted(kept, key=lambda row: (*_key(row, query.sort), row.row.ordinal))


def decisive_metrics(report: Report, row: ReportRow) -> tuple[str, ...]:
    """The metrics by which the row was won or lost although the primary one is equal: those with a margin, costs left
    out, whose scores differ."""
    if row.outcome not in ("win", "loss") or abs(row.difference) > EQUAL:
        return ()
    watched = (metric for metric in report.metrics if metric.margin and metric.group is not Group.OPERATION)
    scores = ((metric.name, *_scores(row, metric)) for metric in watched)
    return tuple(name for name, baseline, candidate in scores if abs((candidate or 0.0) - (baseline or 0.0)) > EQUAL)


def count_outcomes(rows: Sequence[ListedRow]) -> dict[Outcome, int]:
    return {outcome: sum(row.outcome == outcome for row in rows) for outcome in OUTCOMES}


def percentiles(report: Report, metric: str, side: Literal["baseline", "candidate"]) -> Percentiles | None:
    """Median and 95th percentile (nearest rank) of the rows' scores; None if no row has one."""
    scores = [getattr(row.scores[metric], side) for row in report.rows if metric in row.scores]
    known = sorted(score for score in scores if score is not None)
    if not known:
        return None
    return Percentiles(known[(len(known) - 1) // 2], known[max(0, -(-95 * len(known) // 100) - 1)])


def count_feedback(report: Report) -> FeedbackCount:
    """Locked cases say whether each side is right; of the others a win counts as fixed and a loss as broken."""
    locked = [case for case in report.locked if case.origin == FEEDBACK]
    known = {case.case_id for case in locked}
    others = [row for row in report.rows if row.origin == FEEDBACK and row.case_id not in known]
    return FeedbackCount(
        total=len(locked) + len(others),
        fixed=sum(bool(case.candidate) and not case.baseline for case in locked)
        + sum(row.outcome == "win" for row in others),
        broken=sum(bool(case.baseline) and not case.candidate for case in locked)
        + sum(row.outcome == "loss" for row in others),
    )


def neighbours(report: Report, ordinal: int, outcome: Outcome) -> tuple[int | None, int | None]:
    """The rows before and after `ordinal` among those with this outcome, the worst first; for a row of another
    outcome, none before it and the first of them after it."""
    order = [row.row.ordinal for row in select_rows(report, RowQuery(outcome=outcome))]
    if ordinal not in order:
        return None, order[0] if order else None
    at = order.index(ordinal)
    return (order[at - 1] if at else None), (order[at + 1] if at + 1 < len(order) else None)


def _metric(report: Report, name: str) -> MetricComparison | None:
    return next((metric for metric in report.metrics if metric.name == name), None)


def _matches(row: ReportRow, query: RowQuery) -> bool:
    text = query.text.casefold()
    return (
        (not query.tag or query.tag in row.tags)
        and (not query.locked or row.locked)
        and (not query.origin or row.origin == query.origin)
        and (not text or text in row.question.casefold() or text in row.case_id.casefold())
    )


def _scores(row: ReportRow, metric: MetricComparison | None) -> tuple[float | None, float | None]:
    score = row.scores.get(metric.name) if metric else None
    return (score.baseline, score.candidate) if score else (None, None)


def _by_outcome(row: ReportRow, primary: MetricComparison | None, decided_by: tuple[str, ...]) -> ListedRow:
    return ListedRow(row, row.outcome, *_scores(row, primary), row.difference, decided_by)


def _by_metric(row: ReportRow, metric: MetricComparison | None) -> ListedRow:
    baseline, candidate = _scores(row, metric)
    if metric is None or baseline is None or candidate is None:
        return ListedRow(row, "unscored", baseline, candidate, 0.0)
    difference = (candidate - baseline) * (1 if metric.better == "higher" else -1)
    outcome: Outcome = "win" if difference > EQUAL else "loss" if difference < -EQUAL else "tie"
    return ListedRow(row, outcome, baseline, candidate, difference)


def _key(row: ListedRow, sort: Sort) -> tuple[float, ...]:
    match sort:
        case "worst":
            return (_WORST_FIRST[row.outcome], row.difference)
        case "best":
            return (-_WORST_FIRST[row.outcome], -row.difference)
        case "case":
            return ()
        case side:
            score: float | None = getattr(row, side)
            return (score is None, score or 0.0)
