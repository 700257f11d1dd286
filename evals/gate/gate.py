"""The gate: paired scores of a candidate and a baseline in, findings and a verdict out. Pure; knows no storage.

The primary metric decides. Better and worse need both an interval that leaves out 0 and a permutation test that
chance does not pass; no worse needs the whole interval above the margin. What is neither is inconclusive: the gate
rather says that it does not know. The other metrics can only veto.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.gate.comparison import Interval, MetricComparison, Verdict
from evals.gate.statistics import bootstrap_interval, holm, sign_flip_p
from evals.gate.thresholds import Thresholds
from evals.metrics.metric import Metric

# Scores nearer than this are equal: floating point, not quality.
EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Column:
    """One metric over all cases, in the dataset's order; None where a side has no score. Without a baseline that side
    is empty. `failed` counts the scores that are missing on either side and should not be."""

    metric: Metric
    candidate: Sequence[float | None]
    baseline: Sequence[float | None]
    failed: int

    def differences(self) -> list[float | None]:
        """Candidate less baseline for each case that has both, above 0 being better, 0 within EQUAL; else None."""
        sign = 1.0 if self.metric.better == "higher" else -1.0
        if not self.baseline:
            return [None] * len(self.candidate)
        pairs = zip(self.candidate, self.baseline, strict=True)
        return [None if ours is None or theirs is None else sign * _less(ours, theirs) for ours, theirs in pairs]

    def scored_rows(self) -> int:
        """Cases that have a score on every side there is."""
        scored = self.differences() if self.baseline else self.candidate
        return sum(each is not None for each in scored)


def compare(columns: Sequence[Column], thresholds: Thresholds) -> list[MetricComparison]:
    """Each metric side by side, with what the gate finds of it."""
    compared = [_compared(column, thresholds.level) for column in columns]
    vetoing = [each for each in compared if each.name in thresholds.quality and each.name != thresholds.primary]
    adjusted = holm([1.0 if each.p_value is None else each.p_value for each in vetoing])
    p_values = {each.name: p for each, p in zip(vetoing, adjusted, strict=True)}
    return [_found(each, p_values.get(each.name, each.p_value), thresholds) for each in compared]


def verdict(comparisons: Sequence[MetricComparison], thresholds: Thresholds) -> Verdict:
    """What the findings come to. Inconclusive without a baseline."""
    if any(each.finding is Verdict.WORSE for each in comparisons):
        return Verdict.WORSE
    primary = next((each for each in comparisons if each.name == thresholds.primary), None)
    return (primary.finding if primary else None) or Verdict.INCONCLUSIVE


def slice_finding(differences: Sequence[float], thresholds: Thresholds) -> tuple[Interval, Verdict | None]:
    """The interval of a slice's mean difference, and whether it surely lost: a one-sided test at the gate's level. A
    slice is small, so the rest is left open."""
    interval = _interval(differences, thresholds.level)
    lost = sum(differences) < 0 and sign_flip_p(differences) / 2 <= 1 - thresholds.level
    return interval, Verdict.WORSE if lost else None


def unseen_loss(cases: int, level: float) -> float:
    """The largest share of questions that may have become wrong with none of `cases` independent ones showing it:
    below it, chance hides every one of them more often than `level` allows (the rule of three)."""
    return float(1 - (1 - level) ** (1 / cases))


def _compared(column: Column, level: float) -> MetricComparison:
    metric = column.metric
    paired = column.differences()
    differences = [each for each in paired if each is not None]
    known = bool(differences)
    # Side by side stand the same rows, so that the difference of the means is the mean of the differences.
    shown = [each is not None for each in paired] if column.baseline else [True] * len(column.candidate)
    ours = [each for each, keep in zip(column.candidate, shown, strict=True) if keep and each is not None]
    theirs = [each for each, keep in zip(column.baseline, shown, strict=False) if keep and each is not None]
    return MetricComparison(
        name=metric.name,
        group=metric.group,
        unit=metric.unit,
        better=metric.better,
        description=metric.description,
        rows=len(ours),
        skipped=max(0, len(column.candidate) - len(ours) - column.failed),
        failed=column.failed,
        candidate=_mean(ours),
        baseline=_mean(theirs),
        difference=_mean(differences),
        interval=_interval(differences, level) if known else None,
        p_value=sign_flip_p(differences) if known else None,
        wins=sum(each > EQUAL for each in differences),
        losses=sum(each < -EQUAL for each in differences),
        ties=sum(abs(each) <= EQUAL for each in differences),
    )


def _found(compared: MetricComparison, p_value: float | None, thresholds: Thresholds) -> MetricComparison:
    name = compared.name
    if compared.interval is None or p_value is None:
        return compared
    if (quality := thresholds.quality.get(name)) is not None:
        finding = _quality_finding(compared.interval, p_value, quality.margin, 1 - thresholds.level)
        return compared.model_copy(update={"finding": finding, "margin": quality.margin, "reason": quality.reason})
    if name in thresholds.zero_tolerance:
        finding = Verdict.WORSE if compared.losses else Verdict.NO_WORSE
        return compared.model_copy(
            update={"finding": finding, "margin": 0.0, "reason": thresholds.zero_tolerance[name]}
        )
    if (cost := thresholds.costs.get(name)) is not None:
        margin = (cost.most_times - 1) * (compared.baseline or 0.0)
        finding = Verdict.WORSE if compared.interval.high < -margin else Verdict.NO_WORSE
        return compared.model_copy(update={"finding": finding, "margin": margin, "reason": cost.reason})
    return compared


def _quality_finding(interval: Interval, p_value: float, margin: float, alpha: float) -> Verdict:
    if p_value <= alpha and interval.low > 0:
        return Verdict.BETTER
    if p_value <= alpha and interval.high < 0:
        return Verdict.WORSE
    return Verdict.NO_WORSE if interval.low >= -margin else Verdict.INCONCLUSIVE


def _less(ours: float, theirs: float) -> float:
    """The difference; 0 for one that the same sum in another order makes."""
    return 0.0 if abs(ours - theirs) <= EQUAL else ours - theirs


def _interval(differences: Sequence[float], level: float) -> Interval:
    low, high = bootstrap_interval(differences, level)
    return Interval(low=low + 0.0, high=high + 0.0, level=level)  # + 0.0 turns -0.0 into 0.0


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) + 0.0 if values else None
