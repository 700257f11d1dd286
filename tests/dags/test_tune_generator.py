"""The DAG `tune_generator`: how it is wired, and that rows become an adapter, a candidate and a registered version."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.release import ReleaseStatus
from core.settings import Settings, load_settings
from core.storage.database import Database
from core.storage.releases import ReleaseRepository
from ingestion.factory import folder_source, open_pipeline
from serving.adapters.store import AdapterStore
from tests.support.airflow_server import AIRFLOW, LaidAirflow
from tests.support.home import make_home
from tests.support.mock_model import MockModel
from tests.support.tiny_model import tiny_model
from tests.support.training_rows import row, write_rows

# tests/e2e/test_retune_remedy.py takes the same steps without Airflow.
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home folder with a few documents in its index."""
    folder = tmp_path_factory.mktemp("installation")
    settings = load_settings(home=make_home(folder))
    notes = folder / "notes"
    notes.mkdir()
    for number in range(3):
        (notes / f"{number}.md").write_text(f"# Note {number}\n\nThe kettle number {number} is in the kitchen.\n")
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, notes))
    return settings


@pytest.fixture(scope="module")
def tasks(described: Mapping[str, Any]) -> Mapping[str, Any]:
    return described["dags"]["tune_generator"]["tasks"]


def test_nothing_is_trained_on_that_was_not_checked(tasks: Mapping[str, Any]) -> None:
    assert tasks["check"]["upstream"] == ["order"]
    assert tasks["tune"]["upstream"] == ["check", "order"]
    assert tasks["tune"]["retries"] > 0  # a task that was killed goes on


def test_only_a_candidate_starts_an_evaluation_and_mlflow_does_not_keep_it_from_being_made(
    tasks: Mapping[str, Any],
) -> None:
    assert tasks["candidate"]["upstream"] == ["is_wanted", "order", "tune"]
    assert tasks["candidate"]["outlets"] == ["ragloop://candidate/"]
    assert not any(task["outlets"] for name, task in tasks.items() if name != "candidate")


def test_rows_become_an_adapter_a_registered_version_and_a_candidate(
    installation: Settings, lay_airflow: LaidAirflow, tmp_path: Path
) -> None:
    base = tiny_model(tmp_path / "model")
    rows = write_rows(tmp_path / "rows.jsonl", [row(number) for number in range(24)])
    conf = {"dataset": str(rows), "base": str(base), "epochs": 1, "rank": 4}
    with MockModel() as model:
        environment = {**lay_airflow(installation), "OMP_NUM_THREADS": "1", "RAGLOOP_MODEL_URL": model.url}
        said = _dag(environment, conf)
    assert "none of" in said
    assert "going on from" not in said
    (digest,) = AdapterStore(installation.adapters).digests()
    with closing(Database.open(installation)) as database:
        (candidate,) = [one for one in ReleaseRepository(database).all() if one.status is ReleaseStatus.CANDIDATE]
    generator = candidate.manifest.generator
    assert (generator.kind, generator.base_model, generator.adapter_digest) == ("llm", "base", digest)
    assert candidate.created_by == "tune_generator"
    assert _asset_events(installation) == [("ragloop://candidate/", {"release": candidate.id})]
    assert _registered(installation) == [digest]

    # Again, without a candidate and without a model server: nothing is trained or registered twice.
    environment.pop("RAGLOOP_MODEL_URL")
    assert "finished already" in _dag(environment, {**conf, "create_candidate": False})
    assert _registered(installation) == [digest]
    assert len(_asset_events(installation)) == 1


def _dag(environment: Mapping[str, str], conf: Mapping[str, Any]) -> str:
    ran = subprocess.run(
        [AIRFLOW, "dags", "test", "tune_generator", "--conf", json.dumps(conf)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def _asset_events(installation: Settings) -> list[tuple[str, Any]]:
    """What Airflow has recorded of updated assets."""
    query = "SELECT asset.uri, asset_event.extra FROM asset_event JOIN asset ON asset.id = asset_event.asset_id"
    with closing(sqlite3.connect(installation.home / "airflow" / "airflow.db")) as connection:
        return [(uri, json.loads(extra)) for uri, extra in connection.execute(query)]


def _registered(installation: Settings) -> list[str]:
    """The digests of the adapters in MLflow's registry."""
    from mlflow import MlflowClient

    from core.tracking import tracking_uri
    from serving.finetune.registry import MODEL

    found = MlflowClient(tracking_uri=tracking_uri(installation)).search_model_versions(f"name = '{MODEL}'")
    return [version.tags["adapter_digest"] for version in found]
