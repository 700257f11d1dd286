"""The report: what a person reads before they promote a candidate, and what the review page and the file are made of.

Pure values; `evals.run.report_builder` makes them, `evals.report.page` and the web pages show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from core.frozen import Frozen
from core.release import ManifestChange
from evals.gate.comparison import (
    BlockingReason,
    DatasetRef,
    JudgeQuality,
    LockedCase,
    LockedSet,
    MetricComparison,
    RowScore,
    SliceComparison,
    UnscoredRow,
    Verdict,
)


class ReportRow(Frozen):
    """One case. `outcome` compares the two answers by the gate's primary metric, and where that is equal by the sum of
    the other gated ones; `why` says in a sentence what made the difference."""

    ordinal: int
    case_id: str
    case_sha256: str
    question: str
    tags: tuple[str, ...]
    origin: str
    locked: bool
    unanswerable: bool
    outcome: Literal["win", "loss", "tie", "unscored"]
    difference: float
    why: str
    scores: Mapping[str, RowScore]


class Report(Frozen):
    """An evaluation's outcome. `baseline` is None when there was nothing to compare with."""

    schema_version: Literal[1] = 1
    evaluation_id: str
    release: str
    baseline: str | None
    dataset: DatasetRef
    locked_set: LockedSet | None = None
    """None where there is no accepted feedback; every `rows` has both the dataset's cases and these."""
    verdict: Verdict
    summary: str
    """The verdict's reason in one or two sentences."""
    primary: str
    """Name of the metric that decides wins and losses."""
    unseen_loss: float | None = None
    """The share of questions that may have become wrong without one of the cases showing it, at 95 %."""
    blocks: tuple[BlockingReason, ...] = ()
    changes: tuple[ManifestChange, ...] = ()
    metrics: tuple[MetricComparison, ...] = ()
    slices: tuple[SliceComparison, ...] = ()
    rows: tuple[ReportRow, ...] = ()
    locked: tuple[LockedCase, ...] = ()
    unscored: tuple[UnscoredRow, ...] = ()
    judge: JudgeQuality | None = None
    created_by: str
    created_at: datetime
    seconds: float = Field(ge=0)
    reused_answers: int = 0
    """Answers of the ledger that did not have to be asked again."""

    @property
    def passes(self) -> bool:
        """Whether the candidate may be approved and promoted on this report."""
        return self.baseline is not None and self.verdict.passes and not self.blocks
