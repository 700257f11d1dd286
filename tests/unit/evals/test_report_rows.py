"""Which rows are listed, in what order, and what is counted over them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from evals.gate.comparison import (
    DatasetRef,
    LockedCase,
    MetricComparison,
    RowScore,
    Verdict,
)
from evals.metrics.metric import Group
from evals.report.report import Report, ReportRow
from evals.report.rows import (
    FeedbackCount,
    RowQuery,
    count_feedback,
    count_outcomes,
    neighbours,
    percentiles,
    select_rows,
)


def metric(name: str, better: Any = "higher") -> MetricComparison:
    return MetricComparison(
        name=name, group=Group.QUALITY, unit="share", better=better, description="", rows=1, skipped=0, failed=0,
        candidate=0.5,
    )  # fmt: skip


def row(ordinal: int, outcome: Any, difference: float = 0, latency: float | None = None, **more: Any) -> ReportRow:
    fields: dict[str, Any] = {
        "tags": (),
        "origin": "written",
        "locked": False,
        "question": f"Question {ordinal}?",
    } | more
    return ReportRow(
        ordinal=ordinal, case_id=f"c{ordinal}", case_sha256="0", unanswerable=False, outcome=outcome,
        difference=difference, why="",
        scores={
            "correct": RowScore(candidate=difference, baseline=0.0),
            "latency": RowScore(candidate=latency, baseline=1.0),
        },
        **fields,
    )  # fmt: skip


def report(*rows: ReportRow, locked: tuple[LockedCase, ...] = ()) -> Report:
    return Report(
        evaluation_id="e", release="r", baseline="b", verdict=Verdict.BETTER, summary="", primary="correct",
        dataset=DatasetRef(name="d", version=1, sha256="0", cases=len(rows)), rows=rows, locked=locked, seconds=1,
        metrics=(metric("correct"), metric("latency", "lower")), created_by="x", created_at=datetime.now(UTC),
    )  # fmt: skip


MIXED = report(
    row(0, "win", 1.0, 3.0, tags=("a",)),
    row(1, "loss", -0.5, 0.5, tags=("a", "b")),
    row(2, "tie", 0.0, 1.0),
    row(3, "unscored", 0.0, None, locked=True),
    row(4, "loss", -1.0, 2.0, origin="feedback", question="Where is ÄGYPTEN?"),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (RowQuery(), [3, 4, 1, 2, 0]),
        (RowQuery(sort="best"), [0, 2, 1, 4, 3]),
        (RowQuery(sort="case"), [0, 1, 2, 3, 4]),
        (RowQuery(sort="candidate"), [4, 1, 2, 3, 0]),
        (RowQuery(outcome="loss"), [4, 1]),
        (RowQuery(tag="a"), [1, 0]),
        (RowQuery(locked=True), [3]),
        (RowQuery(origin="feedback"), [4]),
        (RowQuery(text="ägypten"), [4]),
        (RowQuery(text="c2"), [2]),
        (RowQuery(metric="latency", outcome="win"), [1]),
        (RowQuery(metric="latency", outcome="loss"), [0, 4]),
        (RowQuery(metric="latency", outcome="unscored"), [3]),
        (RowQuery(metric="no such metric", outcome="win"), []),
    ],
)
def test_rows_are_chosen_and_ordered(query: RowQuery, expected: list[int]) -> None:
    assert [listed.row.ordinal for listed in select_rows(MIXED, query)] == expected


def test_a_loss_that_another_metric_decided_still_stands_before_the_ties() -> None:
    found = select_rows(report(row(0, "tie"), row(1, "loss", 0.0), row(2, "win", 0.0)), RowQuery())
    assert [listed.row.ordinal for listed in found] == [1, 0, 2]


def test_a_row_that_the_primary_metric_does_not_decide_names_the_metrics_that_do() -> None:
    lost = row(0, "loss", 0.0)
    ranked = metric("ndcg_at_10").model_copy(update={"margin": 0.03})
    plain = metric("mrr")
    scores = {
        "correct": RowScore(candidate=1, baseline=1),
        **dict.fromkeys(("ndcg_at_10", "mrr"), RowScore(candidate=0, baseline=1)),
    }
    ranked_report = report(lost.model_copy(update={"scores": scores})).model_copy(
        update={"metrics": (metric("correct"), ranked, plain)}
    )
    assert [listed.decided_by for listed in select_rows(ranked_report, RowQuery())] == [("ndcg_at_10",)]
    assert [listed.decided_by for listed in select_rows(report(row(0, "loss", -1.0)), RowQuery())] == [()]


def test_outcomes_are_counted() -> None:
    assert count_outcomes(select_rows(MIXED, RowQuery())) == {"win": 1, "loss": 2, "tie": 1, "unscored": 1}


def test_percentiles_are_scores_that_some_row_has() -> None:
    many = report(*(row(number, "tie", 0, float(number)) for number in range(1, 101)))
    found = percentiles(many, "latency", "candidate")
    assert found is not None
    assert (found.median, found.p95) == (50.0, 95.0)
    assert percentiles(many, "cost", "candidate") is None


def test_the_next_loss_is_the_next_worse_one() -> None:
    assert neighbours(MIXED, 4, "loss") == (None, 1)
    assert neighbours(MIXED, 1, "loss") == (4, None)
    assert neighbours(MIXED, 0, "loss") == (None, 4)


def test_complaints_are_fixed_when_the_candidate_answers_what_the_baseline_did_not() -> None:
    def locked(case_id: str, candidate: bool | None, baseline: bool | None) -> LockedCase:
        return LockedCase(case_id=case_id, question="", origin="feedback", candidate=candidate, baseline=baseline)

    cases = (locked("c0", True, False), locked("c1", False, True), locked("c2", True, True), locked("c3", None, False))
    rows = [row(number, "tie", origin="feedback") for number in range(4)]
    others = [row(4, "win", 1.0, origin="feedback"), row(5, "win", 1.0)]
    assert count_feedback(report(*rows, *others, locked=cases)) == FeedbackCount(total=5, fixed=2, broken=1)
