"""From a candidate to what answers, and back: the commands of the handbook, each a process of its own, on real parts."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.settings import child_environment, load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.types import Role
from ingestion.factory import folder_source, open_pipeline
from tests.support.home import make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


@dataclass
class Installation:
    """A home folder with the handbook in it, and the keys of a maker, an approver and a reader."""

    home: Path
    keys: dict[str, str]

    def ragloop(self, *arguments: str, who: str = "maker") -> tuple[int, dict[str, Any]]:
        """Runs a command as `who`; its exit code and the JSON it printed."""
        program = str(Path(sys.executable).with_name("ragloop"))
        environment = child_environment(RAGLOOP_HOME=str(self.home), RAGLOOP_API_KEY=self.keys[who])
        ran = subprocess.run(
            [program, *arguments, "--json"], env=environment, capture_output=True, text=True, check=False
        )
        return ran.returncode, json.loads(ran.stdout or "{}")

    def answering_release(self) -> str:
        return str(self.ragloop("ask", "How do I ingest a folder of documents?")[1]["release"])


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    settings = load_settings(home=make_home(tmp_path_factory.mktemp("loop")))
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, ROOT / "docs"))
    database = Database.open(settings)
    keys = ApiKeyRepository(database)
    texts = {
        "maker": keys.create("maker", roles=[Role.REVIEW])[1],
        "approver": keys.create("approver", roles=[Role.APPROVE])[1],
        "reader": keys.create("reader", roles=[Role.CHAT])[1],
    }
    database.close()
    return Installation(settings.home, texts)


def test_a_candidate_is_evaluated_approved_promoted_and_rolled_back(installation: Installation) -> None:
    ragloop = installation.ragloop
    first = installation.answering_release()

    code, created = ragloop(
        "release", "create", "--from", "champion", "--set", "retrieval.top_k=9", "--reason", "a try"
    )
    assert (code, created["status"]) == (0, "candidate")
    candidate = created["id"]

    # Nothing is promoted without a report and an approval.
    code, refused = ragloop("release", "promote", candidate, who="approver")
    assert code == 2, refused
    assert installation.answering_release() == first

    code, evaluated = ragloop("eval", "run", candidate, "--gate", "--no-track")
    assert code == 0, evaluated
    assert (evaluated["verdict"], evaluated["blocks"], evaluated["failed_rows"]) == ("no_worse", [], 0)
    assert Path(evaluated["report"]).read_text().startswith("<!doctype html>")

    # Neither the one who made it nor one without the role may approve.
    assert ragloop("release", "approve", candidate, "--reason", "mine")[0] == 2
    assert ragloop("release", "approve", candidate, "--reason", "why not", who="reader")[0] == 2
    assert ragloop("release", "approve", candidate, "--reason", "as good", who="approver")[0] == 0
    code, promoted = ragloop("release", "promote", candidate, who="approver")
    assert (code, promoted["status"]) == (0, "champion")
    assert installation.answering_release() == candidate

    assert ragloop("release", "rollback", "--reason", "only a try", who="approver")[0] == 0
    assert installation.answering_release() == first

    trail = ragloop("release", "history", candidate)[1]["events"]
    assert [(event["event"], event["actor"]) for event in trail] == [
        ("created", "maker"),
        ("approved", "approver"),
        ("promoted", "approver"),
        ("rolled_back", "approver"),
    ]
    assert trail[1]["evaluation_id"] == evaluated["evaluation_id"]


def test_the_gate_stops_a_candidate_that_answers_worse_and_ci_sees_it(installation: Installation) -> None:
    created = installation.ragloop(
        "release", "create", "--set", "retrieval.top_k=1", "--set", "retrieval.dense_weight=0", "--set",
        "guards.abstention.threshold=0.95", "--reason", "to see it fail",
    )[1]  # fmt: skip
    code, evaluated = installation.ragloop("eval", "run", created["id"], "--gate", "--no-track")
    assert code == 1
    assert evaluated["verdict"] == "worse"
    code, refused = installation.ragloop("release", "approve", created["id"], "--reason", "anyway", who="approver")
    assert code == 2
    assert refused["error"]["hint"]
