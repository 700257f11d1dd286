"""Erasing from files: what adapters were taught, rows that wait to be taught, reports, and their copies in MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from core.settings import Settings
from core.storage.database import Database
from core.storage.erasure import Traces
from core.storage.evals.evaluations import EvaluationRepository
from evals.run.session import report_page
from evals.run.tracking import forget
from retrieval.durable import replace_file
from serving.adapters.checks import TRAINING
from serving.adapters.store import AdapterStore
from serving.finetune.registry import rewrite_taught


class FileTraces(Traces, Protocol):
    """What is erased, as it is recognised in training rows too."""

    def taught(self, text: str) -> bool:
        """Whether a row that holds this text is to go."""


class TrainingFiles:
    """The rows that adapters were taught and those that wait. `name` is told the digest of every adapter that was
    trained on what is erased, before its rows go: what it learned is in its weights."""

    def __init__(self, settings: Settings, name: Callable[[str], None]) -> None:
        self._settings = settings
        self._name = name

    def erase(self, traces: FileTraces) -> dict[str, int]:
        """Take the rows out of every training file. MLflow's copies go first and are not counted again."""

        def erase_taught(path: Path, adapter: str) -> int:
            return _erase_lines(path, traces.taught, lambda: self._name(adapter))

        rewrite_taught(self._settings, erase_taught)
        store = AdapterStore(self._settings.adapters)
        lines = sum(erase_taught(store.folder / digest / TRAINING, digest) for digest in store.digests())
        waiting = sorted((self._settings.home / "tuning").rglob("*.jsonl"))
        return {"training_rows": lines + sum(_erase_lines(path, traces.taught) for path in waiting)}


class ReportFiles:
    """The files of evaluations' reports, here and in MLflow. The pages show what is left of a report."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._evaluations = EvaluationRepository(database)

    def erase(self, traces: FileTraces) -> Mapping[str, int]:
        """Remove those of every report that is to be otherwise: before the database forgets which they are."""
        for evaluation_id, report in self._evaluations.reports():
            if traces.report(report) != report:
                page = report_page(self._settings, evaluation_id)
                for path in (page, page.with_suffix(".json")):
                    path.unlink(missing_ok=True)
                forget(self._settings, evaluation_id)
        return {}


def _erase_lines(path: Path, holds: Callable[[str], bool], found: Callable[[], None] = lambda: None) -> int:
    """Returns how many lines went; `found` is called before the first one does."""
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8") as file:
        lines = file.readlines()
    kept = [line for line in lines if not any(holds(text) for text in _texts(json.loads(line) if line.strip() else ""))]
    if len(kept) < len(lines):
        found()
        replace_file(path, "".join(kept).encode())
    return len(lines) - len(kept)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
