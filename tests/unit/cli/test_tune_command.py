"""`ragloop tune`: what it says of rows and of its call before it trains. tests/e2e/test_tune.py trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from evals.cases.cases import DATASETS, load_cases
from tests.support.tiny_model import tiny_model
from tests.support.training_rows import row, write_rows

ROWS = [row(number) for number in range(12)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    with pytest.raises(SystemExit) as ended:
        main(["tune", *words, "--json"])
    code = ended.value.code
    return (code if isinstance(code, int) else 0), json.loads(capsys.readouterr().out)


def test_a_check_counts_what_it_would_train_on(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", [*ROWS, ROWS[0], row(50, answer="I do not know.")])
    code, counts = run(capsys, str(rows), "--base", str(model), "--check")
    assert code == 0
    assert (counts["rows"], counts["duplicates"], counts["uncited"]) == (13, 1, 1)
    assert counts["train_rows"] + counts["held_out_rows"] == 13
    assert 0 < counts["longest_row_tokens"] < 1024
    assert counts["compared_cases"] > 50
    assert not (tmp_path / "home" / "tuning").exists()


def test_a_row_that_an_evaluation_asks_is_refused(
    capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path
) -> None:
    case = load_cases(DATASETS / "handbook.jsonl")[0]
    rows = write_rows(tmp_path / "rows.jsonl", [*ROWS, row(50, question=case.question)])
    code, told = run(capsys, str(rows), "--base", str(model), "--check")
    assert code == 2
    assert f"line 13: the question of case {case.id} of handbook" in told["error"]["message"]
    assert "memory" in told["error"]["hint"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "grpo"], "no method"),
        (["--method", "dpo"], "12 of 12 rows have no `rejected`"),
        (["--epochs", "0"], "epochs"),
        (["--prompt", "77"], "no version 77"),
        (["--name", "two words"], "name of a served model"),
        (["--merge", "."], "exists already"),
        (["--held-out", "0.99"], "held_out"),
    ],
)
def test_a_call_that_makes_no_sense_says_why(
    capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", ROWS)
    code, told = run(capsys, str(rows), "--base", str(model), *options)
    assert code == 2
    assert said in told["error"]["message"]
    assert told["error"]["hint"]


def test_a_folder_without_a_model_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", ROWS)
    code, told = run(capsys, str(rows), "--base", str(tmp_path))
    assert code == 2
    assert "no config.json" in told["error"]["message"]
