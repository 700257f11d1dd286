"""How far questions drift when some of them are about another subject, and how well unanswered questions are put
together: what the thresholds in loop/triggers/triggers.yaml and loop/gaps/clusters.py were chosen by. Needs ../shared/data/mtrag.

    python -m tests.benchmarks.question_nearness

Drift: questions of one set before, and now those of the same set with a share of another set's. Gaps: the questions of
a conversation are taken to be about the same, which is not quite so, for conversations turn.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.settings import load_settings
from core.types import Vector
from evals.cases.cases import Case
from loop.gaps.clusters import labels
from loop.triggers.drift import question_drift
from retrieval.factory import open_embedder
from tests.benchmarks import machine
from tests.benchmarks.run import ROOT, save

MTRAG = ROOT.parent / "shared/data/mtrag/retrieval_tasks"
SHARES = (0.0, 0.1, 0.2, 1 / 3, 0.5, 1.0)
NEARNESS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
MOST_NOW = 60
REPEATS = 3


def main() -> None:
    embedder = open_embedder(load_settings(home=ROOT / "var"))
    conversations = {name: _conversations(name) for name in ("clapnq", "fiqa")}
    sets = {name: embedder.embed([question for _, question in rows]) for name, rows in conversations.items()}
    sets["handbook"] = embedder.embed(_handbook())
    gaps = {
        name: _put_together([conversation for conversation, _ in rows], sets[name])
        for name, rows in conversations.items()
    }
    save({"benchmark": "question_nearness", "machine": machine.describe(), "drift": _drift(sets), "gaps": gaps})


def _conversations(name: str) -> list[tuple[str, str]]:
    """(conversation, question) of every turn, follow-ups written out in full."""
    lines = (MTRAG / name / f"{name}_rewrite.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["_id"].partition("<")[0], row["text"].replace("|user|:", "").strip()) for row in rows]


def _handbook() -> list[str]:
    files = sorted(Path(ROOT / "evals/cases/datasets").glob("*.jsonl"))
    lines = itertools.chain.from_iterable(file.read_text(encoding="utf-8").splitlines() for file in files)
    return sorted({Case.model_validate_json(line).question for line in lines})


def _drift(sets: Mapping[str, Vector]) -> list[dict[str, Any]]:
    """For each share of another set's questions: the smallest, the middle and the largest drift, and how often it is
    found at the level of the rules."""
    found = []
    for share in SHARES:
        measured = [
            _one_drift(sets[first], sets[other], share, repeat)
            for first, other in itertools.permutations(sets, 2)
            for repeat in range(REPEATS)
        ]
        values = sorted(value for value, _ in measured)
        found.append(
            {
                "share_of_another_subject": round(share, 3),
                "runs": len(measured),
                "smallest": round(values[0], 3),
                "median": round(float(np.median(values)), 3),
                "largest": round(values[-1], 3),
                "certain": round(float(np.mean([p <= 0.001 for _, p in measured])), 3),
            }
        )
    return found


def _one_drift(own: Vector, other: Vector, share: float, repeat: int) -> tuple[float, float]:
    generator = np.random.default_rng(repeat)
    shuffled = own[generator.permutation(len(own))]
    half = len(own) // 2
    count = min(MOST_NOW, len(own) - half)
    strangers = other[generator.permutation(len(other))[: round(share * count)]]
    now = np.concatenate([shuffled[half : half + count - len(strangers)], strangers])
    found = question_drift(shuffled[:half], now)
    return found.value, found.p_value


def _put_together(conversations: Sequence[str], vectors: Vector) -> list[dict[str, Any]]:
    """For each nearness: of pairs that are put together how many are of one conversation, and the other way round."""
    names = np.array(conversations)
    pairs = np.triu_indices(len(names), 1)
    same = (names[:, None] == names[None, :])[pairs]
    found = []
    for near in NEARNESS:
        label = np.array(labels(vectors, near))
        together = (label[:, None] == label[None, :])[pairs]
        both = int((same & together).sum())
        found.append(
            {
                "near": near,
                "questions": len(names),
                "conversations": len(set(conversations)),
                "gaps": len(set(label.tolist())),
                "precision": round(both / max(1, int(together.sum())), 3),
                "recall": round(both / int(same.sum()), 3),
            }
        )
    return found


if __name__ == "__main__":
    main()
