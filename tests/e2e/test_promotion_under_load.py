"""Promotions and rollbacks while people ask: no request fails, and every answer is one release's from end to end.

The same with 10,000 requests: `python -m tests.benchmarks.promotions`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.promotions import measure, prepare

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("folder", "requests", "flips"),
    [("docs/explanation", 150, 6), pytest.param("docs", 600, 20, marks=pytest.mark.nightly)],
)
def test_people_ask_on_through_promotions_and_rollbacks(
    tmp_path: Path, models_folder: Path, folder: str, requests: int, flips: int
) -> None:
    settings, candidate = prepare(tmp_path / "home", models_folder, ROOT / folder)
    figures = measure(settings, candidate, requests, flips)
    assert figures["errors"] == []
    assert figures["wrong_answers"] == []
    assert figures["requests"] == requests
    assert figures["flips"] == flips
    assert len(figures["answers_by_release"]) == 2
    for deed in ("promote", "rollback"):
        assert figures["seen_after_seconds"][deed]["max"] < 2, figures["seen_after_seconds"]
