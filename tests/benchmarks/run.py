"""`make bench`: measure against the floor and save what was measured, with the machine, as JSON.

Ratios are taken within one run, the things compared taking turns. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.telemetry import configure_logging
from tests.benchmarks import answers, index_changes, ingestion, ingestion_memory, machine, search, startup

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench-results"
HANDBOOK = ROOT / ".." / "shared" / "data" / "handbook" / "handbook" / "content"


def main() -> None:
    """Run all benchmarks over a folder of documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HANDBOOK if HANDBOOK.is_dir() else ROOT / "docs")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of ingestion and of start-up")
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument(
        "--index-chunks", type=int, nargs="+", default=[10_000, 95_000], help="sizes of changed indexes"
    )
    parser.add_argument(
        "--memory-documents", type=int, nargs="+", default=[1_000, 10_000, 50_000], help="numbers of small documents"
    )
    chosen = parser.parse_args()
    configure_logging("warning")
    models = ROOT / "var" / "models"
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        figures, settings = ingestion.measure(chosen.folder, Path(scratch), models, chosen.rounds)
        questions = search.questions(chosen.folder, chosen.searches + chosen.answers)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "folder": chosen.folder.name,
            "ingestion": figures,
            "ingestion_memory": ingestion_memory.measure(chosen.memory_documents),
            "index_changes": index_changes.measure(Path(scratch) / "changes", chosen.index_chunks),
            "search": search.measure(settings, questions[: chosen.searches]),
            "answers": answers.measure(settings, questions[chosen.searches :]),
            "startup": startup.measure(settings, chosen.rounds),
        }
    save(result)


def save(result: dict[str, Any]) -> None:
    """Print what was measured and keep it in bench-results/."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    print(f"saved as {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
