"""`ragloop eval calibrate`: how far the judge can be trusted, at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import run, run_json
from tests.support.judge_replies import Manner
from tests.support.mock_judge import MockJudge


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Forty answers, as faithful as their scores say."""
    path = tmp_path / "rated.jsonl"
    lines = []
    for number in range(40):
        facts = [f"Ticket{number}x{fact} of Owner{number}x{fact} closed" for fact in range(4)]
        supported = 1 + number % 4
        lines.append(
            {
                "question": "What was closed?",
                "contexts": [". ".join(facts[:supported])],
                "answer": ". ".join(facts),
                "score": supported,
            }
        )
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_a_judge_that_people_agree_with_is_trusted_and_that_is_kept(
    answers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockJudge() as judge:
        monkeypatch.setenv("RAGLOOP_JUDGE_URL", judge.url)
        monkeypatch.setenv("RAGLOOP_JUDGE_MODEL", "mock")
        code, found = run_json(capsys, "eval", "calibrate", str(answers))
        assert code == 0
        assert (found["trusted"], found["items"], found["self_agreement"]) == (True, 40, 1.0)
        assert found["agreement_value"] == pytest.approx(1.0)
        assert Path(found["file"]).exists()
        code, out, _ = run(capsys, "eval", "calibrate", str(answers), "--items", "5")
        assert code == 0
        assert "not trusted. It was calibrated on 5 answers" in out


def test_a_judge_that_talks_nonsense_is_not_trusted(
    answers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockJudge(manner=Manner.PROSE) as judge:
        monkeypatch.setenv("RAGLOOP_JUDGE_URL", judge.url)
        monkeypatch.setenv("RAGLOOP_JUDGE_MODEL", "mock")
        _, found = run_json(capsys, "eval", "calibrate", str(answers))
    assert not found["trusted"]
    assert found["failed"] == 40
    assert "without JSON" in found["reason"]


def test_without_a_judge_it_says_which_settings_are_missing(answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "eval", "calibrate", str(answers))
    assert code == 2
    assert "RAGLOOP_JUDGE_URL" in err


def test_a_file_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "eval", "calibrate", "no/such.jsonl")
    assert code == 2
    assert "no/such.jsonl" in err
