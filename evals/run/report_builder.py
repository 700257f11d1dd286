"""From a run's results to the report: comparisons, slices, rows, blocks, and the verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.release import Release, differences
from evals.cases.cases import Case
from evals.gate.blocks import find_blocks
from evals.gate.comparison import (
    BlockingReason,
    DatasetRef,
    JudgeQuality,
    LockedCase,
    LockedSet,
    MetricComparison,
    RowScore,
    Side,
    SliceComparison,
    Verdict,
)
from evals.gate.gate import (
    EQUAL,
    Column,
    compare,
    slice_finding,
    unseen_loss,
    verdict,
)
from evals.gate.thresholds import Thresholds
from evals.metrics.metric import Metric
from evals.report.report import Report, ReportRow
from evals.run.differences import why
from evals.run.runner import Results

# A tag on fewer cases than this says nothing that its rows do not say better.
FEWEST_IN_SLICE = 5
# An answer that the primary metric gives at least this share is right, where it has to be one or the other.
RIGHT = 0.5
# Times are compared while the sides differ by no more than this share of the cases in what was kept from earlier runs.
_MOST_KEPT_APART = 0.1


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What was asked: everything about an evaluation that is known before it runs."""

    evaluation_id: str
    candidate: Release
    baseline: Release | None
    dataset: DatasetRef
    cases: Sequence[Case]
    metrics: Sequence[Metric]
    judge: JudgeQuality | None
    created_by: str
    created_at: datetime
    locked_set: LockedSet | None = None
    trained_on: Sequence[str] = ()
    """Ids of the cases that the candidate's adapter was trained on."""


def build_report(inquiry: Inquiry, results: Results, thresholds: Thresholds, seconds: float) -> Report:
    """The report of a finished run."""
    columns = _columns(inquiry, results)
    comparisons = compare(columns, _comparable(inquiry, columns, results, thresholds))
    primary = next(column for column in columns if column.metric.name == thresholds.primary)
    slices = _slices(inquiry.cases, primary, thresholds)
    rows = _rows(inquiry, results, columns, thresholds)
    locked = _locked(inquiry, primary)
    found = verdict(comparisons, thresholds)
    blocks = find_blocks(
        inquiry.cases,
        inquiry.judge,
        results.unscored,
        comparisons,
        columns,
        slices,
        locked,
        inquiry.trained_on,
        thresholds,
    )
    cases = primary.scored_rows()
    return Report(
        evaluation_id=inquiry.evaluation_id,
        release=inquiry.candidate.id,
        baseline=inquiry.baseline.id if inquiry.baseline else None,
        dataset=inquiry.dataset,
        locked_set=inquiry.locked_set,
        verdict=found,
        summary=_summary(comparisons, thresholds, found, blocks),
        primary=thresholds.primary,
        unseen_loss=unseen_loss(cases, thresholds.level) if cases else None,
        blocks=tuple(blocks),
        changes=differences(inquiry.candidate.manifest, inquiry.baseline.manifest) if inquiry.baseline else (),
        metrics=tuple(comparisons),
        slices=tuple(slices),
        rows=tuple(rows),
        locked=tuple(locked),
        unscored=tuple(results.unscored),
        judge=inquiry.judge,
        created_by=inquiry.created_by,
        created_at=inquiry.created_at,
        seconds=round(seconds, 3),
        reused_answers=sum(side.reused for side in results.sides.values()),
    )


def _comparable(inquiry: Inquiry, columns: Sequence[Column], results: Results, thresholds: Thresholds) -> Thresholds:
    """The thresholds without those that would compare what cannot be compared.

    Time, tokens and money of quoted and of written answers differ by nature: which of the two an organisation wants is
    for the person who reads the figures. And where one side's answers were kept from an earlier run and the other's
    were not, the clock compares what the machine was doing.
    """
    releases = [inquiry.candidate, *([inquiry.baseline] if inquiry.baseline else [])]
    if len({release.manifest.generator.kind for release in releases}) > 1:
        return thresholds.model_copy(update={"costs": {}})
    kept = [side.reused for side in results.sides.values()]
    cases = max(len(side.answer_ids) for side in results.sides.values())
    if max(kept) - min(kept) <= _MOST_KEPT_APART * cases:
        return thresholds
    times = {column.metric.name for column in columns if column.metric.unit == "seconds"}
    costs = {name: cost for name, cost in thresholds.costs.items() if name not in times}
    return thresholds.model_copy(update={"costs": costs})


def _columns(inquiry: Inquiry, results: Results) -> list[Column]:
    candidate, baseline = results.sides[Side.CANDIDATE], results.sides.get(Side.BASELINE)
    return [
        Column(
            metric,
            candidate.scores[metric.name],
            baseline.scores[metric.name] if baseline else (),
            sum(side.failed[metric.name] for side in results.sides.values()),
        )
        for metric in inquiry.metrics
    ]


def _slices(cases: Sequence[Case], primary: Column, thresholds: Thresholds) -> list[SliceComparison]:
    members: dict[str, list[int]] = {}
    for ordinal, case in enumerate(cases):
        for tag in case.slices:
            members.setdefault(tag, []).append(ordinal)
    found = []
    for tag, ordinals in sorted(members.items()):
        slice_ = _slice(tag, ordinals, primary, thresholds)
        if slice_ is not None and (slice_.rows >= FEWEST_IN_SLICE or slice_.critical):
            found.append(slice_)
    return found


def _slice(tag: str, ordinals: Sequence[int], primary: Column, thresholds: Thresholds) -> SliceComparison | None:
    critical = tag in thresholds.critical_slices
    paired = primary.differences()
    ours = [primary.candidate[ordinal] for ordinal in ordinals]
    if not primary.baseline:
        known = [each for each in ours if each is not None]
        if not known:
            return None
        return SliceComparison(
            tag=tag, metric=primary.metric.name, rows=len(known), candidate=sum(known) / len(known), baseline=None,
            difference=None, interval=None, critical=critical, finding=None,
        )  # fmt: skip
    scored = [ordinal for ordinal in ordinals if paired[ordinal] is not None]
    if not scored:
        return None
    differences = [paired[ordinal] or 0.0 for ordinal in scored]
    interval, finding = slice_finding(differences, thresholds)
    return SliceComparison(
        tag=tag,
        metric=primary.metric.name,
        rows=len(scored),
        candidate=sum(primary.candidate[ordinal] or 0.0 for ordinal in scored) / len(scored),
        baseline=sum(primary.baseline[ordinal] or 0.0 for ordinal in scored) / len(scored),
        difference=sum(differences) / len(scored),
        interval=interval,
        critical=critical,
        finding=finding,
    )


def _rows(inquiry: Inquiry, results: Results, columns: Sequence[Column], thresholds: Thresholds) -> list[ReportRow]:
    primary = next(column for column in columns if column.metric.name == thresholds.primary).differences()
    others = [
        column.differences()
        for column in columns
        if column.metric.name in thresholds.quality and column.metric.name != thresholds.primary
    ]
    candidate, baseline = results.sides[Side.CANDIDATE], results.sides.get(Side.BASELINE)
    rows = []
    for ordinal, case in enumerate(inquiry.cases):
        first, rest = primary[ordinal], sum(column[ordinal] or 0.0 for column in others)
        rows.append(
            ReportRow(
                ordinal=ordinal,
                case_id=case.id,
                case_sha256=case.sha256,
                question=case.question,
                tags=case.slices,
                origin=case.origin,
                locked=case.locked,
                unanswerable=case.unanswerable,
                outcome=_outcome(first, rest),
                difference=first or 0.0,
                why=why(
                    candidate.facts[ordinal],
                    baseline.facts[ordinal] if baseline else None,
                    has_gold=bool(case.evidence),
                ),
                scores={column.metric.name: _row_score(column, ordinal) for column in columns},
            )
        )
    return rows


def _outcome(primary: float | None, rest: float) -> Any:
    if primary is None:
        return "unscored"
    decisive = primary if abs(primary) > EQUAL else rest
    if abs(decisive) <= EQUAL:
        return "tie"
    return "win" if decisive > 0 else "loss"


def _row_score(column: Column, ordinal: int) -> RowScore:
    return RowScore(candidate=column.candidate[ordinal], baseline=column.baseline[ordinal] if column.baseline else None)


def _locked(inquiry: Inquiry, primary: Column) -> list[LockedCase]:
    def right(scores: Sequence[float | None], ordinal: int) -> bool | None:
        score = scores[ordinal] if scores else None
        return None if score is None else score >= RIGHT

    return [
        LockedCase(
            case_id=case.id,
            question=case.question,
            origin=case.origin,
            candidate=right(primary.candidate, ordinal),
            baseline=right(primary.baseline, ordinal),
        )
        for ordinal, case in enumerate(inquiry.cases)
        if case.locked
    ]


# ---------------------------------------------------------------- in words


def _summary(
    comparisons: Sequence[MetricComparison], thresholds: Thresholds, found: Verdict, blocks: Sequence[BlockingReason]
) -> str:
    primary = next(each for each in comparisons if each.name == thresholds.primary)
    words = [_said(primary, found, thresholds)]
    vetoes = [each.name for each in comparisons if each.finding is Verdict.WORSE and each.name != primary.name]
    if vetoes:
        words.append(f"Worse: {', '.join(vetoes)}.")
    if blocks:
        words.append("It may not be promoted: " + " ".join(block.message for block in blocks))
    return " ".join(words)


def _said(primary: MetricComparison, found: Verdict, thresholds: Thresholds) -> str:
    if primary.difference is None or primary.interval is None:
        return f"There is nothing to compare with; {primary.name} is {_number(primary.candidate)}."
    interval = f"between {primary.interval.low:+.3f} and {primary.interval.high:+.3f}"
    figures = (
        f"{primary.name} is {_number(primary.candidate)} against {_number(primary.baseline)} over {primary.rows} cases "
        f"({primary.wins} won, {primary.losses} lost; difference {primary.difference:+.3f}, "
        f"{thresholds.level:.0%} {interval})."
    )
    if found is Verdict.INCONCLUSIVE:
        margin = thresholds.quality[primary.name].margin
        return f"{figures} That is too uncertain to rule out a loss of more than {margin}: more cases would tell."
    return figures


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
