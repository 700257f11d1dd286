"""What a person who waits is told."""

from __future__ import annotations

import io

import pytest

from core.progress import LineProgress, open_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_steps_at_once_and_counts_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("core.progress.time.monotonic", lambda: now)
    lines: list[str] = []
    bar = LineProgress(lines.append)
    bar.step("Reading")
    for done in range(50):
        bar.at(done, 300, "documents")
    assert lines == ["Reading"]

    now += 6
    bar.at(64, 300, "documents, 500 chunks")
    bar.at(65, 300, "documents, 510 chunks")
    bar.say("half of them were known")

    assert lines == ["Reading", "64 of 300 documents, 500 chunks", "half of them were known"]


def test_a_log_has_no_control_characters() -> None:
    stream = io.StringIO()
    with open_progress(stream) as bar:
        bar.at(0, 1, "documents")
        bar.step("Committing")

    assert stream.getvalue() == "Committing\n"


def test_a_terminal_gets_a_bar() -> None:
    stream = Terminal()
    with open_progress(stream) as bar:
        bar.step("Training")
        bar.say("perplexity [4] before")
        bar.at(3, 10, "steps, loss 0.5")

    assert "3/10" in stream.getvalue()
    assert "steps, loss 0.5" in stream.getvalue()
    assert "perplexity [4] before" in stream.getvalue()
