"""Peak memory of an ingestion by its number of documents: `python -m tests.benchmarks.ingestion_memory DOCUMENTS`.

Small documents are generated, and the embedder costs nothing: what would grow with their number is ingestion's own. Each
number has a process of its own, because a peak is never taken back.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.settings import child_environment
from core.telemetry import configure_logging
from tests.benchmarks.costless_embedder import CostlessEmbedder
from tests.benchmarks.ingestion import Installation

ROOT = Path(__file__).parents[2]
_IN_A_FOLDER = 1_000
_WORDS = [f"word{number}" for number in range(20_000)]


def measure(documents: Sequence[int]) -> dict[str, Any]:
    """Peaks by number of documents, in MB."""
    return {f"{number} documents": _measured(number) for number in documents}


def _measured(documents: int) -> Any:
    command = [sys.executable, "-m", "tests.benchmarks.ingestion_memory", str(documents)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=child_environment(), cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def _generated(folder: Path, documents: int) -> None:
    chance = random.Random(documents)
    for number in range(documents):
        path = folder / str(number // _IN_A_FOLDER) / f"{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Document {number}\n\n{' '.join(chance.choices(_WORDS, k=60))}.\n", encoding="utf-8")


def _memory() -> dict[str, float]:
    """In MB: the most that was resident, the files of the index that are mapped being a part of it, and what of it is
    no file now."""
    stated = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: round(int(stated[key].split()[0]) / 1024, 1) for name, key in _FIELDS.items()}


_FIELDS = {"peak_mb": "VmHWM", "anonymous_at_end_mb": "RssAnon"}


def main() -> None:
    documents = int(sys.argv[1])
    configure_logging("warning")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "documents"
        _generated(folder, documents)
        models = ROOT / "var" / "models"
        models.mkdir(parents=True, exist_ok=True)
        report = Installation.new(Path(scratch) / "home", models, CostlessEmbedder).ingest(folder)
        print(json.dumps({"chunks": report["chunks"]["written"], "seconds": report["seconds"], **_memory()}))


if __name__ == "__main__":
    main()
