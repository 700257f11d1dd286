"""`ragloop feedback diagnose` over a real installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import load_settings
from core.storage.database import Database
from core.storage.loop.diagnoses import DiagnosisRepository
from tests.support.command import run, run_json
from tests.support.installed import lay_installation

LEAVE = "Employees get 25 days of paid leave in every calendar year."


@pytest.fixture
def vote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The id of a vote on an answer whose document is not there."""
    pages = {"parking.md": "# Parking\n\nVisitors park in the garage behind building seven.\n"}
    monkeypatch.setenv("RAGLOOP_HOME", str(lay_installation(tmp_path, "office", pages).home))
    _, answer = run_json(capsys, "ask", "How many days of paid leave do employees get?")
    _, given = run_json(capsys, "feedback", "give", answer["interaction_id"], "down", "--correction", LEAVE)
    return given["id"]


def test_what_is_new_is_diagnosed_once_and_told_by_cause(vote: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "feedback", "diagnose")
    assert code == 0
    assert out.splitlines()[-1].split() == ["corpus_gap", "1"]
    code, told = run_json(capsys, "feedback", "diagnose")
    assert (code, told["diagnosed"], told["by_cause"], told["left_out"]) == (0, 0, {}, [])


def test_one_vote_is_diagnosed_by_the_beginning_of_its_id(vote: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run_json(capsys, "feedback", "diagnose", vote[:8])
    assert (code, told["by_cause"]) == (0, {"corpus_gap": 1})
    assert told["diagnoses"][0]["subject"] == f"feedback:{vote}"
    assert told["diagnoses"][0]["evidence"]["correction"] == LEAVE


def test_a_call_at_fault_is_told_and_stores_nothing(vote: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["nobody"], ["--evaluation", "nobody"], ["abc", "--all"], ["--all", "--evaluation", "abc"]):
        code, told = run_json(capsys, "feedback", "diagnose", *words)
        assert code == 2, words
        assert told["error"]["hint"], words
    with Database.open(load_settings()) as database:
        assert DiagnosisRepository(database).of_votes([vote]) == {}
