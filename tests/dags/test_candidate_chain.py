"""A rebuilt index is evaluated without anyone asking: Airflow's own scheduler carries the asset from DAG to DAG."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from core.airflow_home import airflow_environment
from core.settings import Settings, child_environment, load_settings
from core.storage.database import Database
from core.storage.evaluations import EvaluationRecord, EvaluationRepository
from core.storage.releases import ReleaseRepository
from evals.dataset_store import DatasetStore
from ingestion.factory import folder_source, open_pipeline
from serving.champion import Champion
from serving.factory import open_services
from tests.conftest import make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
DOCS = Path(__file__).parents[2] / "docs" / "how-to"


def test_a_rebuilt_index_becomes_a_candidate_with_a_report_that_waits_for_a_person(tmp_path: Path) -> None:
    settings = _installation(tmp_path)
    # Airflow finds itself on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    port = _free_port()
    server = {
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
    }
    environment = child_environment(**airflow_environment(settings), **server, PATH=path)
    with _standalone(environment, tmp_path / "airflow.log"):
        _airflow(environment, "dags", "unpause", "evaluate_release")
        _airflow(environment, "dags", "unpause", "rebuild_index")
        _airflow(environment, "dags", "trigger", "rebuild_index", "--conf", json.dumps({"chunk_tokens": 120}))
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


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _standalone(environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Airflow's scheduler, DAG processor and API server, ended with everything they started."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [AIRFLOW, "standalone"], env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait(lambda: b"Airflow is ready" in log.read_bytes(), 400, f"Airflow: {log}")
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _airflow(environment: Mapping[str, str], *arguments: str) -> None:
    ran = subprocess.run([AIRFLOW, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _finished_evaluation(settings: Settings) -> EvaluationRecord:
    with closing(Database.open(settings)) as database:
        evaluations = EvaluationRepository(database)
        _wait(lambda: any(one.state != "running" for one in evaluations.latest()), 480, "the evaluation")
        record = evaluations.get(evaluations.latest()[0].id)
        assert record is not None
        return record


def _wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what} is not there after {seconds:.0f} s"
        time.sleep(2)
