"""What keeps a candidate from being promoted, whatever its scores: rows without a score, a judge that is not trusted, a
locked case lost, a critical slice lost, an unsafe answer, too few cases, cases that its adapter was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from evals.cases.cases import Case
from evals.gate.comparison import (
    BlockingReason,
    JudgeQuality,
    LockedCase,
    MetricComparison,
    SliceComparison,
    UnscoredRow,
    Verdict,
)
from evals.gate.gate import EQUAL, Column
from evals.gate.thresholds import Thresholds
from evals.metrics.metric import Group, Metric


def find_blocks(
    cases: Sequence[Case],
    judge: JudgeQuality | None,
    unscored: Sequence[UnscoredRow],
    comparisons: Sequence[MetricComparison],
    columns: Sequence[Column],
    slices: Sequence[SliceComparison],
    locked: Sequence[LockedCase],
    trained_on: Sequence[str],
    thresholds: Thresholds,
) -> list[BlockingReason]:
    """Every reason why the candidate may not be promoted, whatever its verdict. `trained_on` are ids of cases."""
    metrics = [column.metric for column in columns]
    return [
        *_too_few(columns, thresholds),
        *_unscored(metrics, unscored),
        *_untrusted(metrics, judge, thresholds),
        *_locked_losses(locked),
        *_unsafe(cases, comparisons, columns, thresholds),
        *_lost_slices(cases, slices, thresholds),
        *_leaked(cases, trained_on),
    ]


def _leaked(cases: Sequence[Case], trained_on: Sequence[str]) -> list[BlockingReason]:
    if not trained_on:
        return []
    message = f"The adapter was trained on {len(trained_on)} of {len(cases)} cases: they measure what it has by heart."
    return [BlockingReason(code="leakage", message=message, cases=tuple(trained_on))]


def _lost_slices(
    cases: Sequence[Case], slices: Sequence[SliceComparison], thresholds: Thresholds
) -> list[BlockingReason]:
    found = []
    for each in slices:
        if each.critical and each.finding is Verdict.WORSE:
            message = f"The slice {each.tag} became worse: {thresholds.critical_slices[each.tag]}"
            members = tuple(case.id for case in cases if each.tag in case.slices)
            found.append(BlockingReason(code="critical_slice", message=message, cases=members))
    return found


def _too_few(columns: Sequence[Column], thresholds: Thresholds) -> list[BlockingReason]:
    primary = next(column for column in columns if column.metric.name == thresholds.primary)
    scored = primary.scored_rows()
    if scored >= thresholds.min_cases:
        return []
    message = f"Only {scored} cases have a score; a comparison needs {thresholds.min_cases}."
    return [BlockingReason(code="too_few_cases", message=message)]


def _unscored(metrics: Sequence[Metric], unscored: Sequence[UnscoredRow]) -> list[BlockingReason]:
    judged = {metric.name for metric in metrics if metric.group is Group.JUDGED}
    by_judge = [row for row in unscored if row.metric in judged]
    others = [row for row in unscored if row.metric not in judged]
    found = []
    if others:
        what = "answer or score is missing" if len(others) == 1 else "answers and scores are missing"
        found.append(
            BlockingReason(code="unscored", message=f"{len(others)} {what}: {others[0].reason}", cases=_cases(others))
        )
    if by_judge:
        message = f"The judge left {len(by_judge)} rows without a score: {by_judge[0].reason}"
        found.append(BlockingReason(code="judge", message=message, cases=_cases(by_judge)))
    return found


def _cases(rows: Sequence[UnscoredRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.case_id for row in rows))


def _untrusted(metrics: Sequence[Metric], judge: JudgeQuality | None, thresholds: Thresholds) -> list[BlockingReason]:
    gated = [metric.name for metric in metrics if metric.group is Group.JUDGED and metric.name in thresholds.quality]
    if not gated or (judge is not None and judge.trusted):
        return []
    reason = judge.reason if judge else "It was never calibrated: `ragloop eval calibrate`."
    return [BlockingReason(code="judge", message=f"The judge is not trusted with {', '.join(gated)}. {reason}")]


def _locked_losses(locked: Sequence[LockedCase]) -> list[BlockingReason]:
    lost = [each for each in locked if each.baseline and each.candidate is False]
    if not lost:
        return []
    which = "1 locked case that was right" if len(lost) == 1 else f"{len(lost)} locked cases that were right"
    message = f"{which} became wrong again."
    return [BlockingReason(code="locked_case", message=message, cases=tuple(each.case_id for each in lost))]


def _unsafe(
    cases: Sequence[Case], comparisons: Sequence[MetricComparison], columns: Sequence[Column], thresholds: Thresholds
) -> list[BlockingReason]:
    by_name = {column.metric.name: column.differences() for column in columns}
    found = []
    for each in comparisons:
        if each.name in thresholds.zero_tolerance and each.losses:
            worse = [case.id for case, change in zip(cases, by_name[each.name], strict=True) if (change or 0) < -EQUAL]
            message = f"{each.name} became worse in {len(worse)} of {each.rows} rows. {each.reason}"
            found.append(BlockingReason(code="safety", message=message, cases=tuple(worse)))
    return found
