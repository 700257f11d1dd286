"""How long an evaluation takes: 1,000 cases by every metric that needs no model, cold and again, how much memory it
holds, and how busy it keeps a judge. Needs ../shared/data.

    python -m tests.benchmarks.evaluation [--cases 1000] [--judged 100]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from core.settings import Settings, child_environment
from core.telemetry import configure_logging
from core.types import Actor, Role
from evals.cases.dataset_store import DatasetStore
from evals.run.evaluation import CHAMPION, EvaluationOrder, Evaluator
from evals.run.session import panel
from serving.releases.champion import Champion
from tests.benchmarks import machine
from tests.benchmarks.questions import install, opened
from tests.benchmarks.run import save

BENCH = Actor("bench", frozenset({Role.REVIEW}))
JUDGE_SECONDS = 0.3
JUDGE_CONCURRENCY = 8


@contextmanager
def memory(samples: list[float]) -> Iterator[None]:
    """Append this process's resident memory in MB to `samples` every second while the block runs."""
    done = threading.Event()
    process = psutil.Process()

    def sample() -> None:
        while not done.wait(1.0):
            samples.append(round(process.memory_info().rss / 1e6))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def evaluate(settings: Settings, dataset: str) -> tuple[float, Any]:
    """Seconds of one evaluation of the champion, without opening the stores and loading the model, and its report."""
    with opened(settings) as services:
        Champion(services).answerer()
        services.warm_up()
        evaluator = Evaluator(services, panel(services))
        started = time.perf_counter()
        report = evaluator.run(EvaluationOrder(CHAMPION, None, dataset, BENCH))
        return time.perf_counter() - started, report


def plain(settings: Settings, dataset: str) -> dict[str, Any]:
    """A cold run and an unchanged one."""
    samples: list[float] = []
    with memory(samples):
        cold, report = evaluate(settings, dataset)
    warm, again = evaluate(settings, dataset)
    tenths = [samples[len(samples) * tenth // 10 :][: max(1, len(samples) // 10)] for tenth in range(10)]
    return {
        "cases": report.dataset.cases,
        "metrics": len(report.metrics),
        "cold_seconds": round(cold, 1),
        "unchanged_seconds": round(warm, 2),
        "unchanged_share": round(warm / cold, 4),
        "reused_answers": again.reused_answers,
        "unscored": len(report.unscored),
        "memory_mb_by_tenth_of_the_run": [max(part) for part in tenths],
    }


@contextmanager
def mock_judge() -> Iterator[str]:
    """A judge's server in a process of its own, each answer taking JUDGE_SECONDS; gives its URL."""
    command = [sys.executable, "-m", "tests.support.mock_judge", "--latency", str(JUDGE_SECONDS)]
    server = subprocess.Popen(command, env=child_environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
    finally:
        server.terminate()
        server.wait()


def judged(settings: Settings, dataset: str) -> dict[str, Any]:
    """A cold run by every metric there is, and what the judge's server saw of it."""
    with mock_judge() as url:
        with_judge = settings.model_copy(
            update={"judge_url": url, "judge_model": "mock", "judge_concurrency": JUDGE_CONCURRENCY}
        )
        seconds, report = evaluate(with_judge, dataset)
        with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as response:
            seen = json.load(response)
    return {
        "cases": report.dataset.cases,
        "seconds": round(seconds, 1),
        "unscored": len(report.unscored),
        "asked": sum(seen["answered"].values()),
        "most_at_once": seen["most_at_once"],
        # Of all that the judge's places could have worked from its first question to its last, and in the whole run.
        "busy": round(seen["worked_seconds"] / JUDGE_CONCURRENCY / (seen["last"] - seen["first"]), 3),
        "busy_of_run": round(seen["worked_seconds"] / JUDGE_CONCURRENCY / seconds, 3),
    }


def few(settings: Settings, cases: int) -> str:
    """The name of a dataset of the first cases only."""
    with opened(settings) as services:
        store = DatasetStore(services.database)
        return store.save("few", store.get("xquad").cases[:cases], actor="bench", reason="a benchmark").name


def main() -> None:
    """Build the installation, evaluate it, save the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--judged", type=int, default=100, help="cases that the judge is asked about")
    chosen = parser.parse_args()
    configure_logging("warning")
    with tempfile.TemporaryDirectory() as scratch:
        settings = install(Path(scratch) / "home", "xquad", chosen.cases)
        figures = {"plain": plain(settings, "xquad")}
        if chosen.judged:
            figures["judged"] = judged(settings, few(settings, chosen.judged))
    save({"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(), **figures})


if __name__ == "__main__":
    main()
