"""Releases with different adapters are promoted in turn while people ask the real vLLM: no answer fails, none is of two.

The same for longer: `python -m tests.benchmarks.adapter_swaps`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.adapter_swaps import measure, prepare
from tests.support.vllm_server import SMALL_MODEL, VLLMServer

# (swaps, answers between two of them): there and back, and at night again and again.
MEASURES = [(2, 8), pytest.param((6, 16), marks=pytest.mark.nightly)]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("measures", MEASURES, ids=str)
def test_people_ask_on_while_adapters_are_swapped(
    tmp_path: Path, models_folder: Path, vllm: VLLMServer, measures: tuple[int, int]
) -> None:
    settings, first, second = prepare(tmp_path / "home", models_folder, vllm.url, SMALL_MODEL)
    figures = measure(settings, (first, second), *measures)
    assert figures["failed"] == []
    assert figures["mixtures"] == []
    assert figures["degraded"] == 0
    assert figures["questions_told_apart"] > 0, "the two adapters answer differently, or nothing is shown"
    assert set(figures["by_release"]) == {first.id[:12], second.id[:12]}
