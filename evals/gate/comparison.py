"""What a comparison of two releases comes to: the values that the gate decides over and the report shows. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from core.frozen import Frozen
from evals.metrics.metric import Group


class Verdict(StrEnum):
    """What the gate says of the candidate beside the baseline. The values are stored."""

    BETTER = "better"
    NO_WORSE = "no_worse"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"

    @property
    def passes(self) -> bool:
        """Whether a candidate with this verdict, and nothing that blocks it, may be approved."""
        return self in (Verdict.BETTER, Verdict.NO_WORSE)


class Side(StrEnum):
    """Whose answer. The values are stored."""

    CANDIDATE = "candidate"
    BASELINE = "baseline"


class Interval(Frozen):
    """A confidence interval; `level` is 0.95 for 95 %."""

    low: float
    high: float
    level: float


class MetricComparison(Frozen):
    """One metric over all rows that have a score on both sides.

    `difference` is candidate less baseline, turned round for metrics where less is better, so that above 0 is always an
    improvement; `interval` is its bootstrap interval, `p_value` that of a paired sign-flip test. Wins and losses count
    the rows whose scores differ. Without a baseline, only `candidate` is known.
    """

    name: str
    group: Group
    unit: Literal["share", "score", "seconds", "tokens", "money"]
    better: Literal["higher", "lower"]
    description: str
    rows: int
    skipped: int
    failed: int
    candidate: float | None
    baseline: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    wins: int = 0
    losses: int = 0
    ties: int = 0
    finding: Verdict | None = None
    margin: float | None = None
    """The loss that the gate tolerates; None for a metric that the gate does not look at."""
    reason: str = ""
    """Why the gate looks at it, and why the margin is what it is."""


class SliceComparison(Frozen):
    """One gated metric over the rows that carry a tag."""

    tag: str
    metric: str
    rows: int
    candidate: float
    baseline: float | None
    difference: float | None
    interval: Interval | None
    critical: bool
    finding: Verdict | None


class RowScore(Frozen):
    """One metric of one row on both sides; None where it was skipped or failed, or there is no baseline."""

    candidate: float | None
    baseline: float | None


class UnscoredRow(Frozen):
    """Something that should have a score and has none. `metric` is None when there is no answer at all."""

    side: Side
    case_id: str
    metric: str | None
    reason: str


class BlockingReason(Frozen):
    """Why the candidate may not be promoted, whatever its scores. `cases` are the case ids it rests on."""

    code: Literal["unscored", "judge", "locked_case", "critical_slice", "safety", "too_few_cases", "leakage"]
    message: str
    cases: tuple[str, ...] = ()


class JudgeQuality(Frozen):
    """How far the judge can be trusted, measured before it was used.

    `agreement` is Spearman's rank correlation with people's scores over `items` answers, `self_agreement` the share of
    repeated judgements that came out the same; `trusted` is whether both reach the gate's thresholds.
    """

    model: str
    agreement: Interval | None
    agreement_value: float | None
    self_agreement: float | None
    items: int
    repeats: int
    trusted: bool
    reason: str


class LockedCase(Frozen):
    """A locked case, and whether each side answers it right."""

    case_id: str
    question: str
    origin: str
    candidate: bool | None
    baseline: bool | None


class DatasetRef(Frozen):
    """Which questions were asked."""

    name: str
    version: int
    sha256: str
    cases: int


class GoneCase(Frozen):
    """A locked case that could not be asked, because its evidence is not in the documents any more."""

    case_id: str
    case_sha256: str
    question: str
    reason: str


class LockedSet(Frozen):
    """The cases of accepted feedback that were asked beside the dataset's own, and those that could not be asked."""

    dataset: DatasetRef
    gone: tuple[GoneCase, ...] = ()
