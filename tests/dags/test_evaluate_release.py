"""The DAG `evaluate_release`: it starts by a candidate, leaves a report, and promotes nothing. A real Airflow run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from core.settings import load_settings
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.releases import ReleaseRepository
from evals.run.session import report_page
from ingestion.factory import folder_source, open_pipeline
from tests.support.airflow_server import AIRFLOW, LaidAirflow
from tests.support.home import make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NOTES = {"kettle.md": "# Kettle\n\nThe kettle is in the kitchen.\n", "lamp.md": "# Lamp\n\nThe lamp is in the hall.\n"}
CASES = [
    {
        "id": "kettle", "question": "Where is the kettle?", "answer": "In the kitchen.",
        "evidence": [{"uri": "notes/kettle.md", "quote": "The kettle is in the kitchen."}],
    },
    {"id": "moon", "question": "Who was the first person to walk on the moon?", "unanswerable": True},
]  # fmt: skip


def test_a_run_leaves_a_report_that_waits_for_a_person(tmp_path: Path, lay_airflow: LaidAirflow) -> None:
    settings = load_settings(home=make_home(tmp_path))
    notes = tmp_path / "notes"
    notes.mkdir()
    for name, text in NOTES.items():
        (notes / name).write_text(text)
    dataset = tmp_path / "questions.jsonl"
    dataset.write_text("".join(json.dumps(case) + "\n" for case in CASES))
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, notes))

    environment = lay_airflow(settings)
    conf = json.dumps({"release": "champion", "baseline": None, "dataset": str(dataset)})
    ran = subprocess.run(
        [AIRFLOW, "dags", "test", "evaluate_release", "--conf", conf],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert "waits for a person" in ran.stdout

    database = Database.open(settings)
    evaluations = EvaluationRepository(database)
    record = evaluations.get(evaluations.latest()[0].id)
    assert record is not None
    assert (record.state, record.created_by, record.passes) == ("finished", "airflow", False)
    assert record.report is not None
    correct = next(metric for metric in record.report["metrics"] if metric["name"] == "correct")
    assert (correct["rows"], correct["candidate"]) == (2, 1.0)
    assert [event.event.value for event in ReleaseRepository(database).events()] == ["installed"]
    database.close()
    assert "Where is the kettle?" in report_page(settings, record.id).read_text()

    # The report is in MLflow too, once.
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{settings.home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ragloop-evaluations")
    assert experiment is not None
    logged = client.search_runs([experiment.experiment_id])
    assert len(logged) == 1
    assert logged[0].data.metrics["correct.candidate"] == 1.0
