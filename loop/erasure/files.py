"""Erasing from files: what adapters were taught, rows that wait to be taught, reports, and their copies in MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.settings import Settings
from evals.run.session import report_page
from evals.run.tracking import forget
from retrieval.durable import replace_file
from serving.adapters.checks import TRAINING
from serving.adapters.store import AdapterStore
from serving.finetune.registry import rewrite_taught


def erase_taught(settings: Settings, holds: Callable[[str], bool]) -> tuple[int, list[str]]:
    """Take the rows that hold something erased out of every training file. Returns how many there were, and the
    digests of the adapters that were trained on them: what they learned is in their weights. MLflow's copies go first
    and are not counted again."""
    adapters = AdapterStore(settings.adapters)
    taught = set(rewrite_taught(settings, lambda copy: _erase_lines(copy, holds)))
    lines = 0
    for digest in adapters.digests():
        if found := _erase_lines(adapters.folder / digest / TRAINING, holds):
            taught.add(digest)
            lines += found
    for path in sorted((settings.home / "tuning").rglob("*.jsonl")):
        lines += _erase_lines(path, holds)
    return lines, sorted(taught)


def erase_report(settings: Settings, evaluation_id: str) -> None:
    """Remove the files of an evaluation's report, here and in MLflow: the pages show what is left of it."""
    page = report_page(settings, evaluation_id)
    for path in (page, page.with_suffix(".json")):
        path.unlink(missing_ok=True)
    forget(settings, evaluation_id)


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
