"""What was complained of once is asked in every evaluation, and may not become wrong again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputError
from core.loop.enums import FeedbackSide
from core.release import Guards, Release
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.releases import Decision, ReleaseRepository
from core.types import document_id
from evals.cases.cases import Case
from evals.cases.dataset_store import DatasetStore
from evals.report.case_detail import CaseDetails
from evals.report.file import report_file
from evals.report.report import Report
from evals.run.evaluation import EvaluationOrder
from loop.feedback.acceptance import Edited
from tests.support.accepted_feedback import ANN, ASKED, accept, edited
from tests.support.app_world import FORESEEABLE, World
from tests.support.evaluated_world import candidate, cases, evaluator, order
from tests.support.given_feedback import ask, vote


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path).ingest()
    DatasetStore(world.database).save("holidays", cases(), actor="ann", reason="a test")
    yield world
    world.database.close()


def complain(world: World) -> str:
    """Accept a complaint; returns the id of its case."""
    given = vote(world, ask(world, ASKED))
    accept(world, given, edited(FeedbackSide.CASE, question="How many days of holiday has every employee? Yearly."))
    return f"feedback-{given.id[:8]}"


def test_every_evaluation_asks_what_was_complained_of(world: World) -> None:
    case_id = complain(world)
    report = evaluator(world).run(order("champion", None))
    assert report.dataset.cases == 31
    assert [row.case_id for row in report.rows][31:] == [case_id]
    assert [(case.case_id, case.candidate) for case in report.locked] == [(case_id, True)]
    assert report.locked_set is not None
    assert (report.locked_set.dataset.name, report.locked_set.dataset.cases) == ("feedback", 1)


def test_without_accepted_feedback_a_report_says_nothing_of_it(world: World) -> None:
    assert evaluator(world).run(order("champion", None)).locked_set is None


def test_an_answer_that_was_right_may_not_become_wrong_again(world: World) -> None:
    case_id = complain(world)
    report = evaluator(world).run(order(candidate(world, top_k=3).id))
    assert (report.passes, report.blocks) == (True, ())
    report = evaluator(world).run(order(_refusing(world).id))
    assert not report.passes
    assert [block.cases for block in report.blocks if block.code == "locked_case"] == [(case_id,)]


def _refusing(world: World) -> Release:
    assert world.release is not None
    guards = Guards(abstention=FORESEEABLE.model_copy(update={"bias": -1000.0}))
    manifest = world.release.manifest.model_copy(update={"guards": guards})
    return ReleaseRepository(world.database).add_candidate(manifest, Decision("ann", "a test"))


def test_a_case_whose_document_is_gone_is_listed_and_blocks_nothing(world: World) -> None:
    case_id = complain(world)
    world.documents.remove([document_id("handbook/holidays.md")])
    made = candidate(world, top_k=3)
    dataset = [Case(id=f"parking-{n}", question=f"Where may visitor {n} park?", unanswerable=True) for n in range(30)]
    DatasetStore(world.database).save("parking", dataset, actor="ann", reason="a test")
    report = evaluator(world).run(EvaluationOrder(made.id, "champion", "parking", ANN))
    assert report.passes
    assert report.locked_set is not None
    (gone,) = report.locked_set.gone
    assert (gone.case_id, gone.reason) == (case_id, "The evidence's document handbook/holidays.md is not ingested.")
    record = EvaluationRepository(world.database).get(report.evaluation_id)
    assert record is not None
    page = report_file(report, CaseDetails(world.database, DatasetStore(world.database), record).each)
    assert "1 more could not be asked" in page
    assert case_id in page


def test_the_dataset_of_accepted_feedback_can_be_asked_alone_and_asks_each_case_once(world: World) -> None:
    case_id = complain(world)
    report = evaluator(world).run(EvaluationOrder("champion", None, "feedback", ANN))
    assert [row.case_id for row in report.rows] == [case_id]
    exported = DatasetStore(world.database).get("feedback").cases
    DatasetStore(world.database).save("copy", exported, actor="ann", reason="a test")
    report = evaluator(world).run(EvaluationOrder("champion", None, "copy", ANN))
    assert [row.case_id for row in report.rows] == [case_id]


def test_the_dataset_of_accepted_feedback_lists_what_is_gone_too(world: World) -> None:
    case_id = complain(world)
    given = vote(world, ask(world, ASKED))
    accept(world, given, Edited("Is there a canteen for visiting dogs?", "", unanswerable=True))
    world.documents.remove([document_id("handbook/holidays.md")])
    report = evaluator(world).run(EvaluationOrder("champion", None, "feedback", ANN))
    assert [row.case_id for row in report.rows] == [f"feedback-{given.id[:8]}"]
    assert report.unscored == ()
    assert report.locked_set is not None
    assert [gone.case_id for gone in report.locked_set.gone] == [case_id]


def test_a_dataset_of_which_nothing_can_be_asked_is_refused(world: World) -> None:
    complain(world)
    world.documents.remove([document_id("handbook/holidays.md")])
    with pytest.raises(InputError, match="no case that can be asked"):
        evaluator(world).run(EvaluationOrder("champion", None, "feedback", ANN))


def test_a_report_from_before_there_was_feedback_can_be_read(world: World) -> None:
    old = evaluator(world).run(order("champion", None)).model_dump(mode="json")
    del old["locked_set"]
    assert Report.model_validate(old).locked_set is None
