"""The page about /metrics lists every metric there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from app.monitoring.exposition import Metrics
from core.settings import load_settings
from core.storage.database import Database
from serving.llm.endpoint import Load

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "monitoring.md"


def test_every_metric_is_listed_with_its_kind(tmp_path: Path) -> None:
    database = Database.open(load_settings(home=tmp_path))
    metrics = Metrics(lambda: Load(0, 0, False), lambda: database)
    there = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in metrics.registry.collect()
        if family.name.startswith("ragloop_")
    }
    listed = dict(re.findall(r"^\| `(ragloop_\w+)` \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    database.close()
    assert listed == there


def test_what_is_exposed_is_prometheus_text() -> None:
    text = Metrics(lambda: Load(2, 1, True)).exposition().decode()
    assert "ragloop_model_answers_in_progress 2.0" in text
    assert "ragloop_model_answers_waiting 1.0" in text
    assert "ragloop_model_up 0.0" in text
