"""The `ragloop` command: one JSON object with --json, exit codes that tell, errors in one sentence with a hint."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.local_actor import local_actor
from core.settings import load_settings
from core.types import Role
from evals.gate.thresholds import GATE
from loop.triggers.rules import TRIGGERS
from tests.support.command import run, run_json


def test_help_teaches_where_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "ragloop ingest FOLDER" in out
    for command in ("ingest", "ask", "search", "serve", "doctor", "delete", "release", "keys"):
        assert command in out


def test_help_and_light_commands_import_nothing_heavy() -> None:
    code = (
        "import sys; import app.cli.main; "
        "heavy = {'sqlalchemy', 'pydantic', 'numpy', 'openvino', 'torch', 'fastapi', 'qdrant_client', 'airflow'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ingest", "no/such/folder"], "does not exist"),
        (["ask", "   "], "empty"),
        (["ask", "x" * 10_000], "10,000 characters"),
        (["ask", "Who?"], "No documents"),
        (["release", "show"], "no release"),
        (["release", "show", "abc"], "abc"),
        (["keys", "revoke", "nobody"], "nobody"),
        (["keys", "rotate", "nobody"], "nobody"),
        (["keys", "create", " "], "name"),
        (["delete", "docs/no.md"], "docs/no.md"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_with_a_hint_and_a_code(
    capsys: pytest.CaptureFixture[str], words: Sequence[str], said: str
) -> None:
    code, out, err = run(capsys, *words)
    assert code in (1, 2)
    assert out == ""
    message, hint = err.strip().splitlines()[-2:]
    assert message.startswith("Error: ")
    assert said in message
    assert hint
    assert "Traceback" not in err


def test_with_json_an_error_is_an_object_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run_json(capsys, "release", "show")
    assert code == 2
    assert result["error"].keys() == {"type", "message", "hint"}


def test_an_unknown_setting_ends_the_command_with_the_nearest_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_PROT", "1")
    code, _, err = run(capsys, "keys", "list")
    assert code == 2
    assert "RAGLOOP_PORT" in err


def test_a_key_is_printed_once_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "keys", "create", "support", "--access", "hr", "--days", "9")
    assert code == 0
    key = out.strip()
    assert key.startswith("rl_")
    assert key not in err
    _, listed = run_json(capsys, "keys", "list")
    (entry,) = listed["keys"]
    assert (entry["name"], entry["access"]) == ("support", ["hr"])
    assert key.split("_", 2)[2] not in json.dumps(listed)
    assert run(capsys, "keys", "revoke", entry["id"])[0] == 0
    _, listed = run_json(capsys, "keys", "list")
    assert listed["keys"][0]["revoked_at"]


def test_a_key_carries_roles_which_the_list_shows(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "keys", "create", "Anna")
    run(capsys, "keys", "create", "Ben", "--role", "approve", "--role", "chat", "--role", "review")
    _, listed = run_json(capsys, "keys", "list")
    assert [(entry["name"], entry["roles"]) for entry in listed["keys"]] == [
        ("Anna", ["chat"]),
        ("Ben", ["chat", "review", "approve"]),
    ]
    _, out, _ = run(capsys, "keys", "list")
    assert "Ben  (chat, review, approve; sees public)" in out


def test_the_help_of_keys_says_what_each_role_may_do(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "keys", "create", "--help")
    for role in Role:
        assert re.search(rf"^    {role.value} +\w+", out, re.MULTILINE)
    code, _, err = run(capsys, "keys", "create", "Anna", "--role", "boss")
    assert code == 2
    assert all(role.value in err for role in Role)


def test_a_rotated_key_is_shown_once_and_the_old_one_is_given_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    _, made = run_json(capsys, "keys", "create", "ci", "--role", "ingest", "--access", "hr")
    code, rotated = run_json(capsys, "keys", "rotate", made["id"], "--overlap-hours", "2")
    assert code == 0
    assert rotated["key"].startswith("rl_")
    assert {name: rotated[name] for name in ("name", "roles", "access", "replaces", "expires_at")} == {
        "name": "ci",
        "roles": ["ingest"],
        "access": ["hr"],
        "replaces": made["id"],
        "expires_at": None,
    }
    assert rotated["replaced"]["id"] == made["id"]
    assert rotated["replaced"]["expires_at"]
    code, out, err = run(capsys, "keys", "rotate", rotated["id"])
    assert code == 0
    assert out.strip().startswith("rl_")
    assert f"replaces key {rotated['id']}, which works until" in err
    _, listed, _ = run(capsys, "keys", "list")
    assert rotated["key"].split("_", 2)[2] not in listed
    assert f"replaces {made['id']})" in listed
    assert run(capsys, "keys", "rotate", made["id"])[0] == 2


def test_personal_data_is_masked_and_files_not_read_in_whole_or_at_all_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "keys.md").write_text("# Keys\n\nFor the keys write to jane.doe@example.com.\n")
    (folder / "bad.txt").write_bytes("The café and the naïve Zoë say the kettle is full. ".encode() * 3 + b"\xff!")
    (folder / "photo.png").write_bytes(b"\x89PNG")

    code, out, err = run(capsys, "ingest", str(folder), "--personal-data", "mask")

    assert code == 0
    told = f"{out}{err}"
    assert "personal data masked: letters/keys.md: 1 email" in told
    assert "read in part: letters/bad.txt: " in told
    assert "left alone: letters/photo.png: " in told
    assert "2 added" in told
    assert "1 partial" in told
    code, found = run_json(capsys, "search", "keys")
    assert "write to [email]" in found["passages"][0]["text"]
    code, out, _ = run(capsys, "verify")
    assert (code, "all as stored" in out) == (0, True)
    code, compared = run_json(capsys, "verify")
    assert (compared["documents"], code) == (2, 0)


def test_documents_are_ingested_asked_about_and_deleted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "travel.md").write_text("# Travel\n\nThe team lead approves travel expenses before the trip.\n")
    (folder / "broken.pdf").write_bytes(b"no pdf at all")
    code, report = run_json(capsys, "ingest", str(folder))
    assert code == 0
    assert report.keys() >= {"run_id", "documents", "chunks", "failures", "seconds"}
    assert report["documents"] == {"seen": 2, "added": 1, "changed": 0, "unchanged": 0, "deleted": 0, "failed": 1}
    assert [failure["uri"] for failure in report["failures"]] == ["policies/broken.pdf"]

    code, answer = run_json(capsys, "ask", "Who approves travel expenses?")
    assert code == 0
    assert answer.keys() == {
        "answer", "abstained", "degraded", "language", "citations", "differences", "places_to_look", "release",
        "interaction_id", "timings",
        "model_use", "cost",
    }  # fmt: skip
    (citation,) = answer["citations"]
    assert citation.keys() >= {"marker", "uri", "title", "page", "start", "end", "quote", "score"}
    assert (folder / "travel.md").read_text()[citation["start"] : citation["end"]] == citation["quote"]

    code, out, _ = run(capsys, "search", "travel", "--explain")
    assert (code, "meaning: rank 1, score" in out) == (0, True)
    code, found = run_json(capsys, "search", "travel", "--filter", "source=policies", "--explain")
    assert found["explain"]["filter"] == "source=policies"
    code, _, err = run(capsys, "ask", "Who approves travel?", "--filter", "colour=red")
    assert (code, "The fields there are:" in err, "source" in err) == (2, True, True)
    cases = tmp_path / "cases.jsonl"
    evidence = [{"uri": "policies/travel.md", "quote": "The team lead approves travel expenses"}]
    cases.write_text(json.dumps({"id": "travel", "question": "Who approves travel?", "evidence": evidence}))
    code, measured = run_json(capsys, "eval", "retrieval", str(cases), "--misses", str(tmp_path / "misses.html"))
    assert (code, measured["misses"], measured["slices"]["all"]["mrr"]["mean"]) == (0, [], 1.0)
    assert (tmp_path / "misses.html").exists()
    code, found = run_json(capsys, "search", "travel", "--top-k", "1")
    assert found.keys() == {"passages", "release"}
    assert found["passages"][0].keys() >= {
        "chunk_id", "uri", "title", "page", "start", "end", "text", "score", "scores",
    }  # fmt: skip
    assert found["release"] == answer["release"]

    code, shown = run_json(capsys, "release", "show")
    assert (shown["id"], shown["status"]) == (answer["release"], "champion")
    code, listed = run_json(capsys, "release", "list")
    assert listed["champion"] == answer["release"]

    code, deleted = run_json(capsys, "delete", "policies/travel.md")
    assert deleted["uri"] == "policies/travel.md"
    assert deleted["receipt"]["index"] == 1
    assert deleted["adapters"] == []
    assert deleted["receipt"]["answers"] == 1
    assert run_json(capsys, "ask", "Who approves travel expenses?")[1]["abstained"]
    home = load_settings().home
    held = [path for path in home.rglob("*") if path.is_file() and b"expenses before the trip" in path.read_bytes()]
    assert held == []
    assert run_json(capsys, "ingest", str(folder))[1]["documents"]["added"] == 1
    assert run_json(capsys, "delete", "policies/travel.md", "--keep-out")[1]["receipt"]["kept_out"] == 1
    report = run_json(capsys, "ingest", str(folder))[1]
    assert (report["kept_out"], report["documents"]["added"]) == (1, 0)


def test_a_person_is_erased_with_the_answers_they_were_given(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "travel.md").write_text("# Travel\n\nThe team lead approves travel expenses before the trip.\n")
    run(capsys, "ingest", str(folder))
    answer = run_json(capsys, "ask", "Who approves travel expenses?")[1]
    run_json(capsys, "feedback", "give", answer["interaction_id"], "down", "--comment", "Not so.")
    author = local_actor().name
    code, erased = run_json(capsys, "feedback", "erase", author)
    assert (code, erased["author"]) == (0, author)
    assert (erased["receipt"]["feedback"], erased["receipt"]["answers"]) == (1, 1)
    assert run(capsys, "feedback", "erase", author)[0] == 2


def test_labels_limit_what_a_command_sees(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "salaries"
    folder.mkdir()
    (folder / "a.txt").write_text("Salaries of directors are reviewed every spring.")
    run(capsys, "ingest", str(folder), "--access", "hr")
    question = "When are salaries of directors reviewed?"
    assert run_json(capsys, "ask", question, "--access", "public")[1]["abstained"]
    assert not run_json(capsys, "ask", question, "--access", "hr")[1]["abstained"]


def test_doctor_says_what_works_and_what_to_do_about_what_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run_json(capsys, "doctor")
    assert code == 1
    checks = {check["name"]: check for check in result["checks"]}
    assert checks["database"]["ok"]
    assert checks["embedder"]["ok"]
    assert not checks["documents"]["ok"]
    assert "ragloop ingest" in checks["documents"]["hint"]


@pytest.mark.parametrize(
    ("setting", "content", "named"),
    [
        ("RAGLOOP_GATE_FILE", GATE.read_text().replace("  citation_precision:", "  citation_prec:"), "citation_prec"),
        ("RAGLOOP_TRIGGERS_FILE", TRIGGERS.read_text().replace("schema_version: 1", "schema_version: 9"), "schema_version"),
    ],
)  # fmt: skip
def test_a_file_of_the_gate_or_the_triggers_that_makes_no_sense_is_refused_at_start_by_name(
    setting: str,
    content: str,
    named: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(content)
    monkeypatch.setenv(setting, str(path))
    code, _, err = run(capsys, "serve", "--port", "0")
    assert code == 2
    assert str(path) in err
    assert named in err
    checks = {check["name"]: check for check in run_json(capsys, "doctor")[1]["checks"]}
    assert named in checks["rules"]["message"]


def test_doctor_says_that_the_model_server_is_down(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_MODEL_URL", "http://127.0.0.1:9/v1")
    code, result = run_json(capsys, "doctor")
    (model,) = [check for check in result["checks"] if check["name"] == "model"]
    assert code == 1
    assert "cannot be reached" in model["message"]
    assert "make vllm" in model["hint"]


def test_doctor_lists_every_setting_and_hides_passwords(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_DATABASE_URL", "postgresql://me:hush@db/x")
    monkeypatch.setenv("RAGLOOP_QDRANT_API_KEY", "hush")
    code, out, _ = run(capsys, "doctor", "--settings")
    assert code == 0
    assert "RAGLOOP_TOP_K=8" in out
    assert "hush" not in out
