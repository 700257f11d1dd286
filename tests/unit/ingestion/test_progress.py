"""What a person who waits is told."""

from __future__ import annotations

import io

import pytest

from ingestion import progress
from ingestion.progress import LineProgress, open_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_steps_at_once_and_counts_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    lines: list[str] = []
    bar = LineProgress(lines.append)
    bar.begin(300)
    bar.step("Reading")
    for _ in range(50):
        bar.chunks(10)
    assert lines == ["Reading"]

    now += 6
    bar.documents(64)
    bar.chunks(10)

    assert lines == ["Reading", "64 of 300 documents, 500 chunks"]


def test_a_log_has_no_control_characters() -> None:
    stream = io.StringIO()
    with open_progress(stream) as bar:
        bar.begin(1)
        bar.step("Committing")

    assert stream.getvalue() == "Committing\n"


def test_a_terminal_gets_a_bar() -> None:
    stream = Terminal()
    with open_progress(stream) as bar:
        bar.begin(10)
        bar.step("Reading")
        bar.chunks(5)
        bar.documents(3)

    assert "3/10" in stream.getvalue()
    assert "5 chunks" in stream.getvalue()
