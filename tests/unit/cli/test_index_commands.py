"""`ragloop index`: building, listing and dropping other indexes, and the way from there to a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run, run_json
from tests.support.installed import lay_installation
from tests.support.reduced_model import reduced_model

TRAVEL = "# Travel\n\nThe team lead approves travel expenses before the trip.\n\n" + "\n\n".join(
    f"## Rule {rule}\n\n" + f"Rule {rule} says how expenses of kind {rule} are claimed, and by whom. " * 6
    for rule in range(6)
)


@pytest.fixture
def live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The live index's name."""
    lay_installation(tmp_path, "policies", {"travel.md": TRAVEL})
    assert run(capsys, "search", "travel")[0] == 0
    return str(run_json(capsys, "index", "list")[1]["indexes"][0]["name"])


def test_an_index_is_built_and_the_next_command_makes_a_candidate_of_it(
    live: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "index", "rebuild", "--chunk-tokens", "64")
    assert code == 0
    assert "Verified: 1 documents" in out
    assert "Verifying every chunk" in err

    words = out.strip().splitlines()[-1].split()
    assert words[:2] == ["ragloop", "release"]
    code, candidate = run_json(capsys, *words[1:])
    assert code == 0
    name = words[-1].removeprefix("collection=")
    assert candidate["manifest"]["collection"]["name"] == name

    indexes = {index["name"]: index for index in run_json(capsys, "index", "list")[1]["indexes"]}
    assert indexes.keys() == {live, name}
    assert indexes[name]["releases"] == [{"id": candidate["id"], "status": "candidate"}]
    assert indexes[live]["live"]
    assert indexes[name]["chunks"] > indexes[live]["chunks"]


def test_with_json_the_report_is_one_object(live: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, planned = run_json(capsys, "index", "rebuild", "--chunk-tokens", "64", "--dry-run")
    assert (code, planned["dry_run"], planned["documents"]["added"]) == (0, True, 1)

    code, report = run_json(capsys, "index", "rebuild", "--chunk-tokens", "64")
    assert code == 0
    assert report["collection"] == planned["collection"]
    assert report["verified"]["chunks"] == report["chunks"]["written"]
    assert report["failures"] == []


def test_verify_says_how_much_of_the_live_index_was_compared(live: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, compared = run_json(capsys, "verify")
    chunks = run_json(capsys, "index", "list")[1]["indexes"][0]["chunks"]
    assert (code, compared) == (0, {"collection": live, "documents": 1, "chunks": chunks})
    assert "all as stored" in run(capsys, "verify")[1]


def test_a_dropped_index_is_gone_and_the_live_one_cannot_be(live: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = run_json(capsys, "index", "rebuild", "--chunk-tokens", "64")[1]["collection"]

    code, dropped = run_json(capsys, "index", "drop", name)
    assert code == 0
    assert dropped["name"] == name
    assert dropped["receipt"]["chunks"] > 0
    assert run(capsys, "index", "drop", live)[0] == 2
    out = run(capsys, "index", "list")[1]
    assert f"{live}  live" in out
    assert name not in out


def test_what_cannot_be_built_is_one_sentence_with_a_hint(live: str, capsys: pytest.CaptureFixture[str]) -> None:
    cases = {
        (): "structure-200",
        ("--chunk-tokens", "200"): "structure-200",
        ("--chunk-tokens", "400"): "reads 256 tokens",
        ("--embedder", "no/such/folder"): "no/such/folder",
        ("--language", "klingon"): "klingon",
    }
    for words, said in cases.items():
        code, _, err = run(capsys, "index", "rebuild", *words)
        assert code == 2, words
        message, hint = err.strip().splitlines()[-2:]
        assert said in message
        assert hint
    assert [index["name"] for index in run_json(capsys, "index", "list")[1]["indexes"]] == [live]


def test_before_anything_is_ingested_there_is_nothing_to_rebuild(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "index", "rebuild", "--chunk-tokens", "64")
    assert code == 2
    assert "ragloop ingest" in err
    assert "no index yet" in run(capsys, "index", "list")[2]


@pytest.mark.slow
def test_an_index_of_another_model_answers_once_it_is_promoted(
    live: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The settings go on naming the bundled model: the release says which one answers and which one ingests."""
    model = reduced_model(tmp_path / "two-layers", layers=2)
    code, report = run_json(capsys, "index", "rebuild", "--embedder", str(model))
    assert code == 0
    assert report["verified"]["embedded"] > 0
    candidate = run_json(capsys, "release", "create", "--set", f"collection={report['collection']}")[1]
    assert run(capsys, "release", "promote", candidate["id"], "--override", "--reason", "a test")[0] == 0

    answer = run_json(capsys, "ask", "Who approves travel expenses before the trip?")[1]
    assert "team lead" in answer["answer"]
    assert answer["release"] == candidate["id"]

    folder = tmp_path / "policies"
    (folder / "food.md").write_text("# Food\n\nThe kitchen team orders the food for every meeting.\n")
    ingested = run_json(capsys, "ingest", str(folder))[1]
    assert ingested["documents"]["added"] == 1
    assert ingested["documents"]["unchanged"] == 1
    assert ingested["collection"] == report["collection"]
    assert "kitchen team" in run_json(capsys, "ask", "Who orders the food for every meeting?")[1]["answer"]

    # Back in the first index with the bundled model, by the name under which it was used before.
    assert run(capsys, "release", "rollback", "--reason", "a test")[0] == 0
    assert run_json(capsys, "ask", "Who approves travel expenses before the trip?")[1]["release"] != candidate["id"]

    # The weights change on disk: the index that they made is refused, not searched with other vectors.
    (model / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:-4] + b"\0\0\0\1")
    code, _, err = run(capsys, "release", "verify", candidate["id"])
    assert code == 2
    assert "ragloop index rebuild --embedder" in err
