"""The DAG `ingest_documents`: that Airflow can read it, how it is wired, and that it runs. Importing Airflow takes 5 s."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository, RunRepository
from core.text.personal_data import PersonalDataPolicy
from core.types import DocumentState, ManifestEntry, document_id
from tests.support.airflow_server import AIRFLOW, LaidAirflow
from tests.support.home import make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=make_home(tmp_path_factory.mktemp("installation")))


@pytest.fixture(scope="module")
def tasks(described: Mapping[str, Any]) -> Mapping[str, Any]:
    return described["dags"]["ingest_documents"]["tasks"]


# -- wiring


def test_the_dag_folder_is_read_quickly_and_without_errors(described: Mapping[str, Any]) -> None:
    assert described["import_errors"] == {}
    assert described["heavy"] == []
    assert described["seconds"] < 5


def test_what_is_committed_is_verified_before_it_is_reported(tasks: Mapping[str, Any]) -> None:
    assert tasks["verify"]["upstream"] == ["commit"]
    assert tasks["report"]["upstream"] == ["verify"]
    assert tasks["report"]["outlets"] == ["ragloop://index/"]
    assert not any(task["outlets"] for name, task in tasks.items() if name != "report")


def test_portions_are_mapped_and_tried_again(tasks: Mapping[str, Any]) -> None:
    assert tasks["process"]["mapped"]
    assert tasks["process"]["retries"] > 0
    # A run without changed documents has no portions; vanished ones must be committed all the same.
    assert tasks["commit"]["trigger_rule"].lower().endswith("none_failed")


def test_one_run_at_a_time(described: Mapping[str, Any]) -> None:
    assert described["dags"]["ingest_documents"]["max_active_runs"] == 1


def test_every_parameter_is_typed_and_described(described: Mapping[str, Any]) -> None:
    for dag in described["dags"].values():
        for name, param in dag["params"].items():
            assert param["schema"].get("type"), name
            assert param["description"], name


def test_the_policies_for_personal_data_are_those_of_ingestion(described: Mapping[str, Any]) -> None:
    schema = described["dags"]["ingest_documents"]["params"]["personal_data"]["schema"]
    assert schema["enum"] == [None, *PersonalDataPolicy]


def test_every_dag_explains_itself(described: Mapping[str, Any]) -> None:
    for name, dag in described["dags"].items():
        assert len(dag["doc"]) > 200, name


# -- real runs


@pytest.fixture(scope="module")
def airflow(installation: Settings, lay_airflow: LaidAirflow) -> Any:
    """Runs the `airflow` command; returns its exit code and output."""
    environment = lay_airflow(installation)

    def run(*arguments: str) -> tuple[int, str]:
        finished = subprocess.run(
            [AIRFLOW, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return finished.returncode, finished.stdout

    return run


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    docs = tmp_path_factory.mktemp("docs")
    for number in range(3):
        (docs / f"{number}.md").write_text(f"# Note {number}\n\nThe kettle number {number} is in the kitchen.\n")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 nothing of the kind")
    return docs


def test_a_dry_run_a_run_and_a_failing_verification(airflow: Any, docs: Path, installation: Settings) -> None:
    conf = {"folder": str(docs), "source": "notes", "access": ["kitchen"]}
    database = Database.open(installation)
    documents, runs = DocumentRepository(database), RunRepository(database)

    code, output = airflow("dags", "test", "ingest_documents", "--conf", json.dumps({**conf, "dry_run": True}))
    assert code == 0, output
    assert "4 added" in output
    assert documents.page() == []

    code, output = airflow("dags", "test", "ingest_documents", "--conf", json.dumps(conf))
    assert code == 0, output
    assert "notes/broken.pdf" in output
    report = runs.latest()[0].report
    assert report is not None
    assert report["documents"] == {"seen": 4, "added": 3, "changed": 0, "unchanged": 0, "deleted": 0, "failed": 1}
    assert [(one.uri, one.access) for one in documents.page()] == [(f"notes/{n}.md", ("kitchen",)) for n in range(3)]

    # A document that the index does not have: verification must fail, and with it the run. Nothing is left to process.
    uri = "elsewhere/lost.md"
    lost = ManifestEntry(
        document_id(uri), uri, "elsewhere", "1", "0" * 64, "0" * 64, DocumentState.INDEXED, 3, ("public",)
    )  # fmt: skip
    documents.save_entries(report["collection"], "run", [lost])
    (docs / "2.md").unlink()
    code, output = airflow("dags", "test", "ingest_documents", "--conf", json.dumps(conf))
    assert "elsewhere/lost.md" in output
    assert "state=failed" in output
    assert documents.get(document_id("notes/2.md")) is None
    database.close()
