"""From an order to a report on record, over fakes: the real ledger, gate and answerer, an index of lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRepository
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import DatasetStore
from evals.gate.comparison import Side, Verdict
from evals.gate.thresholds import load_thresholds
from evals.metrics.catalogue import plain_metrics
from evals.report.case_detail import CaseDetails
from evals.report.report import Report
from evals.run.evaluation import EvaluationOrder, Evaluator, Panel
from loop.steps.evaluate_release import releases
from tests.support.app_world import World
from tests.support.evaluated_world import ANN, HELD, candidate, cases, evaluator, order
from tests.support.scores import TellingMetric


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path).ingest()
    DatasetStore(world.database).save("holidays", cases(), actor="ann", reason="a test")
    yield world
    world.database.close()


def test_a_candidate_is_compared_with_the_champion_and_the_report_is_on_record(world: World) -> None:
    made = candidate(world, top_k=3)
    report = evaluator(world).run(order())
    assert (report.release, report.baseline) == (made.id, world.release.id)  # type: ignore[union-attr]
    assert report.verdict is Verdict.NO_WORSE
    assert report.unscored == ()
    assert [(change.path, change.baseline, change.candidate) for change in report.changes] == [
        ("retrieval.top_k", 4, 3)
    ]
    record = EvaluationRepository(world.database).get(report.evaluation_id)
    assert record is not None
    assert (record.state, record.verdict, record.passes) == ("finished", "no_worse", True)
    assert Report.model_validate(record.report) == report


def test_the_scores_are_those_of_the_answers_that_the_ledger_shows(world: World) -> None:
    report = evaluator(world).run(order("champion", None))
    record = EvaluationRepository(world.database).get(report.evaluation_id)
    assert record is not None
    details = CaseDetails(world.database, DatasetStore(world.database), record)
    shown = details.get(0)
    assert shown is not None
    side = dict(shown.sides)[Side.CANDIDATE]
    assert side.answer is not None
    assert HELD in side.answer.text
    correct = side.outcome("correct")
    assert correct is not None
    assert correct.score == report.rows[0].scores["correct"].candidate == 1.0


def test_an_evaluation_leaves_no_answers_among_those_of_people(world: World) -> None:
    evaluator(world).run(order("champion", None))
    assert count(world.database, "interactions") == 0


def count(database: Database, table: str) -> int:
    with database.transaction() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() or 0)


def test_running_it_again_reads_the_ledger_and_says_the_same(world: World) -> None:
    candidate(world, top_k=3)
    first = evaluator(world).run(order())
    again = evaluator(world).run(order())
    assert again.reused_answers == 62
    assert again.evaluation_id != first.evaluation_id
    assert again.metrics == first.metrics


def test_documents_that_changed_are_asked_about_again(world: World) -> None:
    evaluator(world).run(order("champion", None))
    world.add("handbook/parking.md", "# Parking\n\nVisitors may park their bicycles in the yard.\n", title="Parking")
    report = evaluator(world).run(order("champion", None))
    assert report.reused_answers == 0
    parking = next(row for row in report.rows if row.case_id == "parking")
    assert parking.scores["correct"].candidate == 0.0


def test_a_release_is_compared_with_itself_only_when_everything_is_asked_twice(world: World) -> None:
    with pytest.raises(InputError, match="with itself"):
        evaluator(world).run(order("champion", "champion"))
    report = evaluator(world).run(order("champion", "champion", fresh=True))
    assert report.verdict is Verdict.NO_WORSE
    assert report.reused_answers == 0
    assert count(world.database, "evaluation_answers") == 62


def test_what_is_not_there_is_named_with_what_to_do(world: World) -> None:
    with pytest.raises(NotFoundError, match="no candidate") as no_candidate:
        evaluator(world).run(order())
    assert "release create" in no_candidate.value.hint
    with pytest.raises(NotFoundError, match="abc"):
        evaluator(world).run(order("abc", None))
    with pytest.raises((InputError, NotFoundError)):
        evaluator(world).run(EvaluationOrder("champion", None, "nowhere", ANN))


def test_evidence_that_is_gone_leaves_its_case_unscored_and_blocks(world: World) -> None:
    lost = Case(id="lost", question="Who?", answer="x", evidence=(GoldEvidence(uri="handbook/gone.md", quote="x"),))
    DatasetStore(world.database).save("holidays", [*cases(), lost], actor="ann", reason="a test")
    report = evaluator(world).run(order("champion", None))
    assert {(row.case_id, row.reason) for row in report.unscored} == {
        ("lost", "The evidence's document handbook/gone.md is not ingested.")
    }
    assert [block.code for block in report.blocks] == ["unscored"]


def test_a_metric_that_decides_and_is_not_measured_is_refused_before_anything_is_asked(world: World) -> None:
    thresholds = load_thresholds().model_copy(update={"primary": "faithfulness"})
    panel = Panel(plain_metrics(world.embedder, "english"))
    with pytest.raises(InputError, match="decides by faithfulness, which is not measured here"):
        Evaluator(world.services, panel, thresholds).run(order("champion", None))
    assert EvaluationRepository(world.database).latest() == []


def test_an_evaluation_that_breaks_off_does_not_look_as_if_it_were_running(world: World) -> None:
    def stop(_finished: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(BaseException):  # noqa: B017, PT011 - asyncio decides what an interrupted run raises
        Evaluator(world.services, Panel([TellingMetric()])).run(order("champion", None), progress=stop)
    assert EvaluationRepository(world.database).latest()[0].state == "failed"


def test_a_killed_evaluation_is_given_up_when_it_is_started_again(world: World) -> None:
    evaluations = EvaluationRepository(world.database)
    evaluator(world).run(order("champion", None))
    with world.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE evaluations SET state = 'running'")
    evaluator(world).run(order("champion", None))
    assert [record.state for record in evaluations.latest()] == ["finished", "failed"]


@pytest.mark.parametrize(
    ("given", "announced", "wanted"),
    [
        ("abc", [{"release": "def"}], ["abc"]),
        (None, [{"release": "def"}, {"release": "fed"}, {"release": "def"}], ["def", "fed"]),
        (None, [{}], ["candidate"]),
        (None, [], ["candidate"]),
    ],
)
def test_the_dag_evaluates_what_a_person_or_the_asset_named_else_the_newest_candidate(
    given: str | None, announced: list[dict[str, str]], wanted: list[str]
) -> None:
    assert releases(given, announced) == wanted
