"""From scores to a report: what it counts, what it blocks on, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    Release,
    ReleaseManifest,
    ReleaseStatus,
    RetrievalParameters,
)
from core.types import CollectionSpec
from evals.cases.cases import Case, CaseTurn
from evals.gate.comparison import DatasetRef, JudgeQuality, Side, Verdict
from evals.gate.thresholds import load_thresholds
from evals.metrics.metric import Group, Metric
from evals.report.report import Report
from evals.run.differences import AnswerFacts
from evals.run.report_builder import Inquiry, build_report
from evals.run.runner import Results, SideResults
from tests.support.scores import TellingMetric

SPEC = CollectionSpec("fake", "f" * 64, 64, "structure-200", "s" * 64)


def release(dense_weight: float = 0.5, generator: GeneratorSpec | None = None) -> Release:
    manifest = ReleaseManifest(
        prompts={},
        collection=CollectionRef.of(SPEC),
        retrieval=RetrievalParameters(dense_weight=dense_weight),
        generator=generator or GeneratorSpec(),
        guards=Guards(abstention=AbstentionModel(weights={"dense": 1.0}, bias=0, threshold=0.5, fitted_on="a test")),
    )
    return Release(
        id=manifest.id,
        status=ReleaseStatus.CANDIDATE,
        manifest=manifest,
        created_by="ann",
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
    )


def case(number: int, **changes: object) -> Case:
    return Case.model_validate({"id": f"case-{number}", "question": f"Question {number}?", "answer": "Yes."} | changes)


def report(
    cases: Sequence[Case],
    candidate: Sequence[float | None],
    baseline: Sequence[float | None] | None,
    *,
    metrics: Sequence[Metric] = (TellingMetric(),),
    missing: Sequence[tuple[str, str]] = (),
    judge: JudgeQuality | None = None,
    kept: int = 0,
    trained_on: Sequence[str] = (),
    generator: GeneratorSpec | None = None,
) -> Report:
    """The report of these primary scores; every other metric has the same. `missing` are (case id, metric)."""
    sides = {Side.CANDIDATE: candidate} | ({Side.BASELINE: baseline} if baseline is not None else {})
    results = Results({side: _side(metrics, scores) for side, scores in sides.items()})
    results.sides[Side.CANDIDATE].reused = kept
    for case_id, metric in missing:
        results.missing(Side.CANDIDATE, case(0, id=case_id), "it went wrong", metric)
    inquiry = Inquiry(
        evaluation_id="e" * 32,
        candidate=release(0.7, generator),
        baseline=release() if baseline is not None else None,
        dataset=DatasetRef(name="questions", version=1, sha256="d" * 64, cases=len(cases)),
        cases=cases,
        metrics=metrics,
        judge=judge,
        created_by="ann",
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
        trained_on=trained_on,
    )
    return build_report(inquiry, results, load_thresholds(), seconds=1.0)


def _side(metrics: Sequence[Metric], scores: Sequence[float | None]) -> SideResults:
    return SideResults(
        answer_ids=[str(number) for number in range(len(scores))],
        facts=[AnswerFacts(str(score), False, 1, True, 8, ()) for score in scores],
        scores={metric.name: list(scores) for metric in metrics},
        failed=dict.fromkeys((metric.name for metric in metrics), 0),
    )


CASES = [case(number) for number in range(60)]
GOOD, POOR = [1.0] * 50 + [0.0] * 10, [1.0] * 30 + [0.0] * 30


def codes(built: Report) -> list[str]:
    return [block.code for block in built.blocks]


def test_a_better_candidate_passes_and_the_summary_says_by_how_much() -> None:
    built = report(CASES, GOOD, POOR)
    assert (built.verdict, built.passes) == (Verdict.BETTER, True)
    assert built.summary.startswith(
        "correct is 0.833 against 0.500 over 60 cases (20 won, 0 lost; difference +0.333, 95% between"
    )
    assert [row.outcome for row in built.rows[29:32]] == ["tie", "win", "win"]


def test_without_a_baseline_nothing_passes() -> None:
    built = report(CASES, GOOD, None)
    assert not built.passes
    assert built.changes == ()
    assert built.metrics[0].candidate == 50 / 60


def test_the_manifests_differences_are_listed_by_path() -> None:
    assert [(change.path, change.baseline, change.candidate) for change in report(CASES, GOOD, POOR).changes] == [
        ("retrieval.dense_weight", 0.5, 0.7)
    ]


def test_any_missing_score_blocks() -> None:
    built = report(CASES, GOOD, POOR, missing=[("case-7", "correct")])
    assert codes(built) == ["unscored"]
    assert built.blocks[0].cases == ("case-7",)
    assert not built.passes
    assert "It may not be promoted" in built.summary


def test_a_judge_that_leaves_rows_without_a_score_blocks_under_its_own_name() -> None:
    metrics = (TellingMetric(), TellingMetric(name="relevance", group=Group.JUDGED))
    built = report(CASES, GOOD, POOR, metrics=metrics, missing=[("case-1", "relevance"), ("case-2", "relevance")])
    assert codes(built) == ["judge"]
    assert "left 2 rows without a score" in built.blocks[0].message


def test_a_judge_that_nobody_calibrated_may_not_decide() -> None:
    metrics = (TellingMetric(), TellingMetric(name="faithfulness", group=Group.JUDGED))
    assert codes(report(CASES, GOOD, POOR, metrics=metrics)) == ["judge"]
    trusted = JudgeQuality(
        model="m",
        agreement=None,
        agreement_value=0.7,
        self_agreement=0.95,
        items=50,
        repeats=3,
        trusted=True,
        reason="",
    )
    assert codes(report(CASES, GOOD, POOR, metrics=metrics, judge=trusted)) == []


def test_a_locked_case_that_was_right_and_became_wrong_blocks_even_a_better_candidate() -> None:
    cases = [*CASES[:-1], case(59, locked=True, origin="feedback")]
    built = report(cases, GOOD, [*POOR[:-1], 1.0])
    assert built.verdict is Verdict.BETTER
    assert codes(built) == ["locked_case"]
    assert built.blocks[0].cases == ("case-59",)
    assert (built.locked[0].candidate, built.locked[0].baseline) == (False, True)


def test_a_critical_slice_that_lost_blocks_and_names_its_cases() -> None:
    cases = [*CASES[:50], *(case(number, unanswerable=True, answer="") for number in range(50, 60))]
    built = report(cases, [1.0] * 50 + [0.0] * 10, [0.5] * 50 + [1.0] * 10)
    assert codes(built) == ["critical_slice"]
    assert len(built.blocks[0].cases) == 10
    lost = next(slice_ for slice_ in built.slices if slice_.tag == "unanswerable")
    assert (lost.finding, lost.difference) == (Verdict.WORSE, -1.0)


def test_an_unsafe_answer_blocks_and_names_its_case() -> None:
    metrics = (TellingMetric(), TellingMetric(name="toxicity", better="lower", group=Group.SAFETY))
    built = report(CASES, [1.0, *[0.0] * 59], [0.0] * 60, metrics=metrics)
    assert codes(built) == ["safety"]
    assert built.blocks[0].cases == ("case-0",)


def test_an_adapter_that_was_trained_on_cases_is_blocked_even_if_it_is_better() -> None:
    built = report(CASES, GOOD, POOR, trained_on=("case-3", "case-7"))
    assert built.verdict is Verdict.BETTER
    assert codes(built) == ["leakage"]
    assert not built.passes
    assert built.blocks[0].cases == ("case-3", "case-7")
    assert "2 of 60 cases" in built.blocks[0].message


def test_written_answers_are_not_vetoed_for_taking_longer_and_costing_more_than_quoted_ones() -> None:
    metrics = (TellingMetric(), TellingMetric(name="cost", better="lower", unit="money"))
    llm = GeneratorSpec(kind="llm", base_model="base")
    dearer = [1.0] * 60, [0.5] * 60
    assert report(CASES, *dearer, metrics=metrics).verdict is Verdict.WORSE
    written = report(CASES, *dearer, metrics=metrics, generator=llm)
    assert written.verdict is Verdict.BETTER
    cost = next(metric for metric in written.metrics if metric.name == "cost")
    assert (cost.finding, cost.difference) == (None, -0.5)


def test_times_are_not_compared_when_one_sides_answers_are_from_an_earlier_run() -> None:
    metrics = (TellingMetric(), TellingMetric(name="latency", better="lower", unit="seconds"))
    slower = [1.0] * 60
    assert report(CASES, slower, [0.5] * 60, metrics=metrics).verdict is Verdict.WORSE
    assert report(CASES, slower, [0.5] * 60, metrics=metrics, kept=60).verdict is Verdict.BETTER


def test_a_handful_of_cases_is_too_few() -> None:
    assert codes(report(CASES[:29], [1.0] * 29, [1.0] * 29)) == ["too_few_cases"]


def test_slices_are_the_tags_of_several_cases_and_what_the_cases_form_says() -> None:
    follow_up = {"history": (CaseTurn(role="user", content="And?"),)}
    cases = [case(number, tags=("hr",) if number < 6 else ("rare",) if number == 7 else ()) for number in range(50)]
    cases += [case(number, **follow_up) for number in range(50, 60)]
    built = report(cases, GOOD, POOR)
    assert {each.tag: each.rows for each in built.slices} == {"follow-up": 10, "hr": 6}


def test_a_report_survives_being_stored() -> None:
    built = report(CASES, GOOD, POOR)
    assert Report.model_validate_json(built.model_dump_json()) == built
