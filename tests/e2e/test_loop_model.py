"""`make loop MODEL=1` as a person runs it: the real vLLM, the shipped model, a real tuning."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import child_environment
from tests.support.home import make_home
from tests.support.needs import Need, is_here, lacking
from tests.support.vllm_server import PYTHON, ROOT

# Takes minutes; its parts are tested by test_loop.py, test_served_model.py and tests/dags/test_tune_generator.py.
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]


def test_the_loop_heals_a_habit_of_the_model_by_tuning_and_goes_back(tmp_path: Path) -> None:
    if not is_here(Need.VLLM):
        lacking(Need.VLLM)
    finished = subprocess.run(
        [sys.executable, "-m", "tools.walk_through", "--model"],
        cwd=ROOT, env=child_environment(RAGLOOP_HOME=str(make_home(tmp_path, database=False)), VLLM_PYTHON=str(PYTHON)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = finished.stdout
    assert finished.returncode == 0, told[-3000:] + finished.stderr[-3000:]
    for claim in (
        r"\d+ of 42 answers about amended rules are wrong",
        "the model quotes the rule that was",
        "handed the right passage alone, the model still says what was: a generation fault",
        "one trigger fires that asks for a tuning",
        "it answers by the adapter [0-9a-f]{16}",
        "what answers has not changed",
        "the gate calls the candidate better, and nothing blocks it",
        "the answer is the rule in force, with a citation that holds it",
        "it was written with the adapter",
        "the old answer is back",
    ):
        assert re.search(rf"✓ {claim}\.", " ".join(told.split())), claim
    assert re.search(r"The report: http://127\.0\.0\.1:\d+/reviews/[0-9a-f]+", told)
