"""How often diagnosis names the right cause: every cause planted in a real corpus, and the confusion matrix.

    python -m tests.benchmarks.planted_causes [--folder ../shared/data/handbook/handbook] [--seed 2] [--each 32]

Seed 1 takes one half of the corpus, on which the thresholds of loop/diagnosis/rules.py were chosen; seed 2 the other half,
which is reported. Questions and corrections are made from the corpus's own sentences by rule (reworded.py).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.loop.diagnosis import Cause, Diagnosis
from core.settings import load_settings
from core.telemetry import configure_logging
from loop.diagnosis.diagnoser import Diagnoser
from loop.diagnosis.rules import VERSION
from serving.factory import open_services
from tests.benchmarks import machine
from tests.benchmarks.planting import Planted, Planting, halves, read_corpus, wrong_reply
from tests.benchmarks.questions import MODELS
from tests.benchmarks.run import save
from tests.support.mock_model import MockModel

HANDBOOK = Path(__file__).parents[2] / ".." / "shared" / "data" / "handbook" / "handbook"
SPLIT = 11

Told = tuple[Planted, Diagnosis]


def diagnose(corpus: Mapping[str, str], scratch: Path, seed: int, each: int) -> list[Told]:
    """Plant every cause in an installation over the corpus, and diagnose every vote."""
    MODELS.mkdir(parents=True, exist_ok=True)
    home = scratch / "home"
    home.mkdir(parents=True)
    (home / "models").symlink_to(MODELS)
    planting = Planting(corpus, scratch / "folders", seed, each)
    planting.write()
    with MockModel(respond=wrong_reply) as model:
        services = open_services(load_settings(home=home, model_url=model.url))
        try:
            planting.ingest(services)
            planted = list(planting.plant(services))
            diagnoser = Diagnoser(services)
            return [(one, diagnoser.feedback(one.feedback)) for one in planted]
        finally:
            services.close()


def matrix(told: Iterable[Told]) -> dict[str, dict[str, int]]:
    """What was found, by what was planted."""
    counts: dict[str, Counter[str]] = {cause.value: Counter() for cause in Cause}
    for planted, made in told:
        counts[planted.cause.value][made.cause.value] += 1
    return {cause: {found.value: row[found.value] for found in Cause} for cause, row in counts.items()}


def figures(told: Sequence[Told]) -> dict[str, Any]:
    """The matrix, the share that is right of all, of each cause and of each way to plant it, and what went wrong."""
    right = Counter((planted.cause.value, planted.kind) for planted, made in told if made.cause is planted.cause)
    kinds = Counter((planted.cause.value, planted.kind) for planted, _ in told)
    table = matrix(told)
    return {
        "diagnosed": len(told),
        "right": round(right.total() / len(told), 4),
        "by_cause": {cause: round(row[cause] / max(1, sum(row.values())), 4) for cause, row in table.items()},
        "by_kind": {f"{cause}: {kind}": f"{right[cause, kind]} of {count}" for (cause, kind), count in kinds.items()},
        "matrix": table,
        "wrong": [_wrong(planted, made) for planted, made in told if made.cause is not planted.cause],
    }


def printed(table: Mapping[str, Mapping[str, int]]) -> str:
    """The matrix for a terminal: planted causes down, found ones across."""
    names = [cause.value for cause in Cause]
    lines = [f"{'planted':18}" + "".join(f"{name:>18}" for name in names)]
    lines += [f"{name:18}" + "".join(f"{table[name][found]:18}" for found in names) for name in names]
    return "\n".join(lines)


def _wrong(planted: Planted, made: Diagnosis) -> dict[str, Any]:
    return {
        "planted": f"{planted.cause.value}: {planted.kind}",
        "found": made.cause.value,
        "summary": made.summary,
        "question": planted.feedback.question,
        "correction": planted.feedback.correction,
        "answer": planted.feedback.answer[:300],
        "evidence": made.evidence.model_dump(
            mode="json", include={"said", "rank", "rank_in_context", "scores", "documents"}
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HANDBOOK)
    parser.add_argument("--seed", type=int, choices=(1, 2), default=2)
    parser.add_argument("--each", type=int, default=32, help="plantings of every cause")
    parser.add_argument("--files", type=int, default=320, help="files of the corpus's half that are taken")
    chosen = parser.parse_args()
    configure_logging("warning")
    half = halves(read_corpus(chosen.folder), SPLIT)[chosen.seed - 1]
    corpus = dict(list(half.items())[: chosen.files])
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        told = diagnose(corpus, Path(scratch), chosen.seed, chosen.each)
    found = figures(told)
    print(printed(found["matrix"]))
    save(
        {
            "benchmark": "planted_causes",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "seed": chosen.seed,
            "files": len(corpus),
            "rules": VERSION,
            "seconds": round(time.monotonic() - started),
            **found,
        }
    )


if __name__ == "__main__":
    main()
