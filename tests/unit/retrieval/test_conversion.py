"""Converting a model: once, by one process, and never half."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from core.errors import RagloopError
from retrieval.embedders.conversion import converted_model
from retrieval.embedders.model import EmbeddingModel


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The converter's command lines, in place of the converter, which writes a file at once."""
    runs: list[list[str]] = []

    def run(command: list[str], **_: object) -> None:
        runs.append(command)
        threading.Event().wait(0.1)
        Path(command[-1], "model.xml").write_text("<net/>")

    monkeypatch.setattr("retrieval.embedders.conversion.subprocess.run", run)
    return runs


def test_a_model_is_converted_once(bundled_model: EmbeddingModel, tmp_path: Path, runs: list[list[str]]) -> None:
    first = converted_model(bundled_model, tmp_path)
    assert converted_model(bundled_model, tmp_path) == first == tmp_path / bundled_model.fingerprint[:16]
    assert (first / "model.xml").exists()
    assert len(runs) == 1


def test_of_several_that_come_at_once_one_converts(
    bundled_model: EmbeddingModel, tmp_path: Path, runs: list[list[str]]
) -> None:
    threads = [threading.Thread(target=converted_model, args=(bundled_model, tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1


def test_what_a_killed_conversion_left_is_removed(
    bundled_model: EmbeddingModel, tmp_path: Path, runs: list[list[str]]
) -> None:
    (tmp_path / ".converting-killed" / "model").mkdir(parents=True)
    folder = converted_model(bundled_model, tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {folder.name, ".convert.lock"}


def test_a_conversion_that_fails_says_why_and_leaves_nothing(
    bundled_model: EmbeddingModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **_: object) -> None:
        Path(command[-1], "model.xml").write_text("<half")
        raise subprocess.CalledProcessError(1, command, stderr="Traceback\nMemoryError: out of memory\n")

    monkeypatch.setattr("retrieval.embedders.conversion.subprocess.run", fail)
    with pytest.raises(RagloopError, match="out of memory") as failure:
        converted_model(bundled_model, tmp_path)
    assert "RAGLOOP_EMBEDDER_BACKEND=torch" in failure.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == [".convert.lock"]
