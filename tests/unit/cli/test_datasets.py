"""`ragloop eval import|export|datasets|schema`: what goes in comes out, and a bad call says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from core.settings import load_settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.types import Document, TextFormat
from evals.cases.cases import Case, load_cases
from evals.cases.formats import FORMATS


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def run_json(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "travel.csv"
    path.write_text(
        "question,answer,document,tags,unanswerable,locked\nWho?,Ann.,travel.md,people;rules,,yes\nWhen?,,,,yes,\n"
    )
    return path


def test_what_is_imported_is_listed_and_exported_as_it_was(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imported = run_json(capsys, "eval", "import", "csv", table, "--source", "policies")
    assert imported | {"sha256": ""} == {
        "dataset": "travel", "version": 1, "sha256": "", "cases": 2, "unanswerable": 1, "locked": 1,
    }  # fmt: skip
    (listed,) = run_json(capsys, "eval", "datasets")["datasets"]
    assert (listed["name"], listed["version"], listed["tags"]) == ("travel", 1, {"people": 1, "rules": 1})
    code, out, _ = run(capsys, "eval", "export", "travel@1")
    assert code == 0
    path = tmp_path / "again.jsonl"
    path.write_text(out)
    assert load_cases(path)[0].evidence[0].uri == "policies/travel.md"
    again = run_json(capsys, "eval", "import", "jsonl", path, "--name", "travel")
    assert (again["version"], again["sha256"]) == (1, imported["sha256"])
    assert run_json(capsys, "eval", "export", "travel")["cases"] == [json.loads(line) for line in out.splitlines()]


def test_nothing_is_stored_of_a_file_that_is_wrong_anywhere(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with table.open("a") as file:
        file.write("Why?,,,,,\n")
    code, _, err = run(capsys, "eval", "import", "csv", table)
    assert code == 2
    assert "travel.csv, line 4" in err
    assert run_json(capsys, "eval", "datasets")["datasets"] == []


@pytest.mark.parametrize(
    "words",
    [
        ["import", "papyrus", "{table}"],
        ["import", "csv", "missing.csv"],
        ["import", "xquad", "{table}"],
        ["import", "csv", "{table}", "--name", "a b"],
        ["import", "jsonl", "{table}", "--source", "docs"],
        ["export", "unknown"],
        ["datasets", "unknown"],
    ],
)
def test_a_call_that_cannot_be_done_exits_with_2_and_says_what_to_do(
    table: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "eval", *[word.replace("{table}", str(table)) for word in words], "--json")
    assert code == 2, err
    assert json.loads(out)["error"]["hint"]


def test_the_schema_names_every_field_of_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "eval", "schema")
    assert code == 0
    assert set(json.loads(out)["properties"]) == set(Case.model_fields)


def test_the_help_of_import_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "eval", "import", "--help")
    for name in FORMATS:
        assert name in " ".join(out.split()).replace("- ", "-")


def test_leakage_is_listed_and_fails_the_command(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write_text("question,answer,locked\nWho approves a journey to another country?,Ann.,yes\n")
    run_json(capsys, "eval", "import", "csv", table)
    training = tmp_path / "training.jsonl"
    said = "Answer briefly: who approves a journey to another country?"
    training.write_text(json.dumps({"messages": [{"role": "user", "content": said}]}) + "\n")
    code, out, _ = run(capsys, "eval", "leakage", "travel", "--training", training, "--json")
    report = json.loads(out)
    assert code == 1
    assert report["locked_cases"] == report["leaked_cases"]
    assert report["leaks"][0]["line"] == 1
    training.write_text(json.dumps({"messages": [{"role": "user", "content": "What is for lunch?"}]}) + "\n")
    assert run_json(capsys, "eval", "leakage", "travel", "--training", training)["leaks"] == []


def test_drafts_are_made_of_what_was_ingested_and_not_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings()
    database = Database.open(settings)
    text = "# Travel\n\n## How to book a train\n\nUse the portal and choose the company's card.\n"
    travel = Document("handbook/travel.md", "Travel", text, TextFormat.MARKDOWN, "text/markdown", "0" * 64)
    DocumentRepository(database).save("handbook", "1", [travel])
    database.close()
    made = run_json(capsys, "eval", "generate", "--dataset", "travel")
    assert made == {"dataset": "travel", "drafts": 1, "dropped": {}, "waiting": 1}
    assert run_json(capsys, "eval", "generate", "--dataset", "travel")["drafts"] == 0
    assert run_json(capsys, "eval", "datasets")["datasets"] == []


def test_drafting_without_documents_says_to_ingest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "eval", "generate", "--json")
    assert code == 2
    assert "ragloop ingest" in json.loads(out)["error"]["hint"]


def test_in_production_an_import_goes_on_record_under_a_key(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAGLOOP_ENVIRONMENT", "production")
    code, _, err = run(capsys, "eval", "import", "csv", table)
    assert code == 2
    assert "RAGLOOP_API_KEY" in err
