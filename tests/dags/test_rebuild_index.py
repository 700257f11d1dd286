"""The DAG `rebuild_index`: how it is wired, and that it builds an index and a candidate. Importing Airflow takes 5 s."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.release import ReleaseStatus
from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.storage.releases import ReleaseRepository
from retrieval.factory import open_index
from tests.support.airflow_server import LaidAirflow
from tests.support.home import make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=make_home(tmp_path_factory.mktemp("installation")))


@pytest.fixture(scope="module")
def tasks(described: Mapping[str, Any]) -> Mapping[str, Any]:
    return described["dags"]["rebuild_index"]["tasks"]


def test_what_is_committed_is_verified_before_it_becomes_a_candidate(tasks: Mapping[str, Any]) -> None:
    assert tasks["verify"]["upstream"] == ["commit", "order"]
    assert tasks["report"]["upstream"] == ["order", "verify"]
    # Fresh sources come in behind the comparison with the live index, which does not have them.
    assert tasks["refresh"]["upstream"] == ["order", "report"]
    assert tasks["is_wanted"]["upstream"] == ["order", "refresh"]
    assert tasks["candidate"]["upstream"] == ["is_wanted", "order", "report"]


def test_only_a_candidate_starts_an_evaluation(tasks: Mapping[str, Any]) -> None:
    assert tasks["candidate"]["outlets"] == ["ragloop://candidate/"]
    assert not any(task["outlets"] for name, task in tasks.items() if name != "candidate")


def test_portions_are_mapped_and_tried_again(tasks: Mapping[str, Any]) -> None:
    assert tasks["process"]["mapped"]
    assert tasks["process"]["retries"] > 0
    # An index that is up to date has no portions; vanished documents must be committed all the same.
    assert tasks["commit"]["trigger_rule"].lower().endswith("none_failed")


# -- real runs


@pytest.fixture(scope="module")
def program(installation: Settings, lay_airflow: LaidAirflow) -> Any:
    """Runs a program of this environment; returns its exit code and output."""
    environment = lay_airflow(installation)

    def run(name: str, *arguments: str) -> tuple[int, str]:
        finished = subprocess.run(
            [str(Path(sys.executable).with_name(name)), *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return finished.returncode, finished.stdout

    return run


def test_a_dry_run_a_run_with_its_candidate_and_a_run_without(
    program: Any, installation: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\nThe kettle number {number} is in the kitchen.\n")
    assert program("ragloop", "ingest", str(folder))[0] == 0
    assert program("ragloop", "search", "kettle")[0] == 0
    database, index = Database.open(installation), open_index(installation)
    releases, documents = ReleaseRepository(database), DocumentRepository(database)

    def test(**params: Any) -> str:
        code, output = program("airflow", "dags", "test", "rebuild_index", "--conf", json.dumps(params))
        assert code == 0, output
        return str(output)

    (live,) = index.collections()
    assert "3 added" in test(chunk_tokens=64, dry_run=True)
    assert index.collections() == [live]

    test(chunk_tokens=64)
    (name,) = set(index.collections()) - {live}
    assert documents.entries(name).keys() == documents.entries(live).keys()
    (candidate,) = [one for one in releases.all() if one.status is ReleaseStatus.CANDIDATE]
    assert candidate.manifest.collection.name == name
    assert candidate.created_by == "rebuild_index"

    assert "3 unchanged" in test(chunk_tokens=64, create_candidate=False)
    assert len(releases.all()) == 2
    assert _asset_events(installation) == [("ragloop://candidate/", {"release": candidate.id})]

    code, output = program("airflow", "dags", "test", "rebuild_index")  # nothing would be different
    assert code != 0
    assert "is just that" in output
    index.close()
    database.close()


def _asset_events(installation: Settings) -> list[tuple[str, Any]]:
    """What Airflow has recorded of updated assets."""
    query = "SELECT asset.uri, asset_event.extra FROM asset_event JOIN asset ON asset.id = asset_event.asset_id"
    with closing(sqlite3.connect(installation.home / "airflow" / "airflow.db")) as connection:
        return [(uri, json.loads(extra)) for uri, extra in connection.execute(query)]
