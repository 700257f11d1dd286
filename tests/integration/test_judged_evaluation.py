"""A judge in an evaluation: trusted, it adds its metrics; failing, it blocks with the reason, and no mean hides it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.settings import load_settings
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRepository
from core.types import Actor, Role
from evals.calibration.calibration import Calibration, CalibrationStore
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import DatasetStore
from evals.gate.comparison import Interval
from evals.judges.langchain_judge import open_judge
from evals.judges.prompts import JudgePrompts
from evals.metrics.judged import faithfulness
from evals.report.report import Report
from evals.run.evaluation import EvaluationOrder, Evaluator
from evals.run.session import panel
from tests.support.app_world import World
from tests.support.judge_replies import Manner
from tests.support.mock_judge import MockJudge

QUESTION = "How many days of holiday has every employee each year?"
EVIDENCE = GoldEvidence(uri="handbook/holidays.md", quote="Every employee has thirty days of holiday each year.")
ANN = Actor("ann", frozenset({Role.REVIEW}))
# Each row asks the judge some ten times: three rows are enough to see what it does, whatever the gate says of three.
CASES = [Case(id=f"days-{n}", question=f"{QUESTION} ({n})", answer="Thirty.", evidence=(EVIDENCE,)) for n in range(3)]


def evaluated(home: Path, judge: MockJudge, *, calibrated: bool) -> Report:
    world = World(home, {"judge_url": judge.url, "judge_model": "mock", "judge_timeout_seconds": 20.0}).ingest()
    try:
        DatasetStore(world.database).save("holidays", CASES, actor="ann", reason="a test")
        if calibrated:
            _calibrate(world)
        return Evaluator(world.services, panel(world.services)).run(EvaluationOrder("champion", None, "holidays", ANN))
    finally:
        world.database.close()


def _calibrate(world: World) -> None:
    judge = open_judge(world.settings)
    assert judge is not None
    CalibrationStore(world.settings.home).save(
        Calibration(
            model=judge.name,
            fingerprint=judge.fingerprint,
            metric_version=faithfulness(judge).version,
            data="0" * 64,
            items=100,
            failed=0,
            failure="",
            repeats=2,
            agreement=0.6,
            interval=Interval(low=0.5, high=0.7, level=0.95),
            self_agreement=1.0,
            at=datetime.now(UTC),
        )
    )


def judge_blocks(report: Report) -> list[str]:
    return [block.message for block in report.blocks if block.code == "judge"]


def test_a_trusted_judge_that_answers_adds_its_metrics_and_blocks_nothing(tmp_path: Path) -> None:
    with MockJudge() as judge:
        report = evaluated(tmp_path, judge, calibrated=True)
    assert judge_blocks(report) == []
    assert report.judge is not None
    assert report.judge.trusted
    scored = {metric.name: metric.rows for metric in report.metrics if metric.group == "judged"}
    assert scored["faithfulness"] == scored["answer_relevancy"] == 3


def test_the_record_of_an_evaluation_says_with_which_prompts_the_judge_was_asked(tmp_path: Path) -> None:
    with MockJudge() as judge:
        report = evaluated(tmp_path, judge, calibrated=False)
    database = Database.open(load_settings(home=tmp_path))
    record = EvaluationRepository(database).get(report.evaluation_id)
    database.close()
    assert record is not None
    prompts = record.configuration["prompts"]
    assert prompts.keys() == {metric.name for metric in report.metrics if metric.group == "judged"}
    asked = JudgePrompts().asked_by("faithfulness")
    assert [prompt["sha256"] for prompt in prompts["faithfulness"]] == [prompt.sha256 for prompt in asked]
    assert [prompt["name"] for prompt in prompts["faithfulness"]] == ["judge_statements", "judge_support"]


def test_a_judge_that_nobody_calibrated_blocks_however_well_it_answers(tmp_path: Path) -> None:
    with MockJudge() as judge:
        report = evaluated(tmp_path, judge, calibrated=False)
    assert len(judge_blocks(report)) == 1
    assert "never calibrated" in judge_blocks(report)[0]


@pytest.mark.parametrize(
    "manner", [Manner.PROSE, Manner.OUT_OF_RANGE, Manner.SERVER_ERROR], ids=lambda manner: manner.value
)
def test_a_judge_that_fails_on_some_rows_blocks_with_the_reason_and_scores_only_the_others(
    tmp_path: Path, manner: Manner
) -> None:
    with MockJudge(manner=manner, rate=0.4) as judge:
        report = evaluated(tmp_path, judge, calibrated=True)
    failed = [row for row in report.unscored if row.metric is not None]
    assert failed
    assert all(row.reason for row in failed)
    assert [f"The judge left {len(failed)} rows without a score" in message for message in judge_blocks(report)] == [
        True
    ]
    for metric in report.metrics:
        missing = sum(row.metric == metric.name for row in failed)
        assert metric.failed == missing
        assert metric.rows + metric.skipped + missing == len(CASES)
    assert not report.passes
