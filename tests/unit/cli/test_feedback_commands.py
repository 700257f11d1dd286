"""`ragloop feedback`: voting, reading and deciding from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.types import PUBLIC, Document, Role, TextFormat, digest
from evals.cases.dataset_store import DatasetStore
from tests.support import command
from tests.support.recorded_answers import TEXT, URI, recorded_answer

RIGHT = "Travel is approved by the lead."


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that succeeds prints."""
    code, out, err = command.run(capsys, *words)
    assert code == 0, err
    return out


def run_json(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    ended, printed = command.run_json(capsys, *words)
    assert ended == code, printed
    return printed


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database.open(load_settings())
    document = Document(URI, "Travel", TEXT, TextFormat.MARKDOWN, "text/markdown", digest(TEXT), (), (PUBLIC,))
    DocumentRepository(database).save("handbook", "fake", [document])
    yield database
    database.close()


@pytest.fixture
def answer(database: Database) -> str:
    return recorded_answer(database, origin="cli")


def test_a_vote_is_given_once_and_listed_until_it_is_decided(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["feedback", "give", answer, "down", "--reason", "wrong", "--correction", RIGHT, "--citation", "1=down"]
    given = run_json(capsys, *words, "--key", "k-1")
    assert (given["vote"], given["standing"], given["replayed"]) == ("down", "counted", False)
    assert given["citations"] == [{"marker": 1, "vote": "down"}]
    assert run_json(capsys, *words, "--key", "k-1")["replayed"]
    listed = run_json(capsys, "feedback", "list")
    assert (listed["total"], [each["id"] for each in listed["feedback"]]) == (1, [given["id"]])
    assert listed["feedback"][0]["interaction"]["question"] == "Who approves travel?"
    run(capsys, "feedback", "dismiss", given["id"][:8], "--reason", "It was right.")
    assert run_json(capsys, "feedback", "list")["total"] == 0
    (dismissed,) = run_json(capsys, "feedback", "list", "--state", "dismissed")["feedback"]
    assert dismissed["decision"]["reason"] == "It was right."
    assert (
        run_json(capsys, "feedback", "dismiss", given["id"], "--reason", "Again.", code=2)["error"]["type"]
        == "conflict_error"
    )


def test_what_is_accepted_with_evidence_becomes_one_of_two_things(
    database: Database, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = run_json(capsys, "feedback", "give", answer, "down", "--correction", RIGHT)
    made = run_json(capsys, "feedback", "accept", given["id"], "--evidence", f"{URI}#{RIGHT}")
    assert (made["decision"], made["side"] in ("case", "training")) == ("accepted", True)
    if made["side"] == "case":
        assert DatasetStore(database).get("feedback").cases[0].answer == RIGHT
    shown = run_json(capsys, "feedback", "show", given["id"][:6])
    assert shown["decision"]["side"] == made["side"]


def test_evidence_that_no_document_holds_is_refused(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = run_json(capsys, "feedback", "give", answer, "down", "--correction", RIGHT)
    for evidence in (f"{URI}#The moon approves it.", "nowhere.md#Travel", "#quote"):
        refused = run_json(capsys, "feedback", "accept", given["id"], "--evidence", evidence, code=2)
        assert refused["error"]["hint"]
    assert run_json(capsys, "feedback", "list")["total"] == 1


def test_an_export_holds_every_vote_on_a_line_of_its_own(
    database: Database, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "feedback", "give", answer, "down", "--comment", "No\nreally")
    run(capsys, "feedback", "give", recorded_answer(database, "Why?"), "up", "--synthetic")
    lines = [json.loads(line) for line in run(capsys, "feedback", "export").splitlines()]
    assert [(line["vote"], line["standing"]) for line in lines] == [("up", "synthetic"), ("down", "counted")]
    assert lines[1]["comment"] == "No\nreally"
    assert lines[1]["interaction"]["passages"][0]["text"] == TEXT
    assert "api_key_id" not in lines[1]["interaction"]
    file = tmp_path / "feedback.jsonl"
    written = run_json(capsys, "feedback", "export", "--output", str(file), "--vote", "down")
    assert written == {"output": str(file), "written": 1}
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [lines[1]["id"]]
    code, _, err = command.run(capsys, "feedback", "export", "--output", str(file))
    assert (code, "cannot be written" in err) == (2, True)
    assert run(capsys, "feedback", "export", "--since", "2199-01-01") == ""
    assert run_json(capsys, "feedback", "export") == {"feedback": lines}


@pytest.mark.parametrize(
    "words",
    [
        ("give", "nowhere", "down"),
        ("give", "ANSWER", "down", "--citation", "1=sideways"),
        ("give", "ANSWER", "down", "--citation", "9=up"),
        ("show", "no-such-id"),
        ("show", "%"),
        ("accept", "\x1b[31m"),
        ("list", "--state", "unknown"),
        ("list", "--since", "yesterday"),
        ("dismiss", "no-such-id", "--reason", "x"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_hint(
    answer: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    command = [answer if word == "ANSWER" else word for word in words]
    refused = run_json(capsys, "feedback", *command, code=2)["error"]
    assert refused["message"]
    assert refused["hint"]
    assert "\x1b" not in refused["message"]


def test_in_production_votes_and_decisions_are_in_the_name_of_a_key(
    database: Database, answer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_ENVIRONMENT", "production")
    run_json(capsys, "feedback", "give", answer, "down", code=2)
    keys = ApiKeyRepository(database)
    monkeypatch.setenv("RAGLOOP_API_KEY", keys.create("Ann", (PUBLIC,), None, [Role.CHAT])[1])
    given = run_json(capsys, "feedback", "give", answer, "down")
    assert run_json(capsys, "feedback", "show", given["id"])["author"] == "Ann"
    refused = run_json(capsys, "feedback", "dismiss", given["id"], "--reason", "No.", code=2)
    assert refused["error"]["type"] == "permission_error"
    monkeypatch.setenv("RAGLOOP_API_KEY", keys.create("Rita", (PUBLIC,), None, [Role.REVIEW])[1])
    run(capsys, "feedback", "dismiss", given["id"], "--reason", "No.")
    assert run_json(capsys, "feedback", "show", given["id"])["decision"]["actor"] == "Rita"


def test_what_people_wrote_cannot_steer_the_terminal(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    answer = recorded_answer(database, "What is \x9b31m?", origin="api")
    run(capsys, "feedback", "give", answer, "down")
    assert "\x9b" not in run(capsys, "feedback", "list")
