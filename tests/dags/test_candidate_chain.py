"""A rebuilt index is evaluated without anyone asking: Airflow's own scheduler carries the asset from DAG to DAG."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from core.settings import Settings, load_settings
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRecord, EvaluationRepository
from core.storage.releases import ReleaseRepository
from evals.cases.dataset_store import DatasetStore
from ingestion.factory import folder_source, open_pipeline
from serving.factory import open_services
from serving.releases.champion import Champion
from tests.support.airflow_server import standalone, trigger, unpause, wait
from tests.support.home import make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DOCS = Path(__file__).parents[2] / "docs" / "how-to"


def test_a_rebuilt_index_becomes_a_candidate_with_a_report_that_waits_for_a_person(tmp_path: Path) -> None:
    settings = _installation(tmp_path)
    with standalone(settings, tmp_path / "airflow.log") as environment:
        unpause(environment, "evaluate_release", "rebuild_index")
        trigger(environment, "rebuild_index", {"chunk_tokens": 120})
        record = _finished_evaluation(settings)
    with closing(Database.open(settings)) as database:
        champion = ReleaseRepository(database).champion()
        candidate = ReleaseRepository(database).get(record.release_id)
    assert champion is not None
    assert candidate is not None
    assert candidate.manifest.collection.splitter == "structure-120"
    assert (record.baseline_id, record.created_by, candidate.status.value) == (champion.id, "airflow", "candidate")
    assert record.report is not None
    assert [change["path"] for change in record.report["changes"] if "splitter" in change["path"]]


def _installation(folder: Path) -> Settings:
    settings = load_settings(home=make_home(folder))
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, DOCS, "docs"))
    with closing(open_services(settings)) as services:
        Champion(services).answerer()
        # The dataset that the DAG asks by default, cut down to what these few pages answer.
        store = DatasetStore(services.database)
        cases = [case for case in store.resolve("handbook").cases if case.unanswerable]
        store.save("handbook", cases, actor="a test", reason="a test")
    return settings


def _finished_evaluation(settings: Settings) -> EvaluationRecord:
    with closing(Database.open(settings)) as database:
        evaluations = EvaluationRepository(database)
        wait(lambda: any(one.state != "running" for one in evaluations.latest()), 480, "the evaluation")
        record = evaluations.get(evaluations.latest()[0].id)
        assert record is not None
        return record
