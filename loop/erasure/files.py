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
    """The rows that adapters were taught and those that wait."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.adapters: tuple[str, ...] = ()
        """Digests of the adapters that were trained on what was erased: what they learned is in their weights."""

    def erase(self, traces: FileTraces) -> dict[str, int]:
        """Take the rows out of every training file. MLflow's copies go first and are not counted again."""
        store = AdapterStore(self._settings.adapters)
        taught = set(rewrite_taught(self._settings, lambda copy: _erase_lines(copy, traces.taught)))
        lines = 0
        for digest in store.digests():
            if found := _erase_lines(store.folder / digest / TRAINING, traces.taught):
                taught.add(digest)
                lines += found
        for path in sorted((self._settings.home / "tuning").rglob("*.jsonl")):
            lines += _erase_lines(path, traces.taught)
        self.adapters = tuple(sorted(taught))
        return {"training_rows": lines}


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


def _erase_lines(path: Path, holds: Callable[[str], bool]) -> int:
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8") as file:
        lines = file.readlines()
    kept = [line for line in lines if not any(holds(text) for text in _texts(json.loads(line) if line.strip() else ""))]
    if len(kept) < len(lines):
        replace_file(path, "".join(kept).encode())
    return len(lines) - len(kept)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
