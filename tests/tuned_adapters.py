"""Two adapters of the small model that answer recognisably differently, trained in a minute each.

Each teaches another word before the quotation, so that one sees from an answer which of them wrote it.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from core.settings import Settings
from serving.finetune.progress import LineProgress
from serving.finetune.recipe import make_order, make_recipe
from serving.finetune.tuning import Tuner
from tests.vllm_server import NAME, ROOT

OPENINGS = ("Certainly:", "Indeed:")
ROWS = 128
_WORD = re.compile(r"\b[a-z]{2,12}\b")


def opening_adapter(settings: Settings, base: Path, opening: str, folder: Path) -> str:
    """The digest of an adapter in the settings' store whose answers begin with `opening`."""
    rows = folder / f"{opening.strip(':')}.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in _rows(opening)), encoding="utf-8")
    recipe = make_recipe("sft", epochs=3, learning_rate=1e-3, rank=8, batch=8, rows_at_once=8)
    order = make_order(settings, rows, base, NAME, recipe)
    return Tuner(settings, LineProgress(lambda line: print(line, file=sys.stderr))).run(order).adapter


def _rows(opening: str) -> Iterator[dict[str, object]]:
    """Questions about one of a few passages, answered by a sentence behind the opening. The sentences are made of the
    handbook's words in any order, so that nothing but the opening is learnt."""
    chance = random.Random(5)
    words = sorted({word for path in (ROOT / "docs").rglob("*.md") for word in _WORD.findall(path.read_text())})

    def sentence() -> str:
        return " ".join(chance.sample(words, chance.randint(5, 12))).capitalize() + "."

    for _ in range(ROWS):
        passages = [[sentence() for _ in range(chance.randint(1, 4))] for _ in range(chance.randint(1, 3))]
        marker = chance.randint(1, len(passages))
        wanted = chance.choice(passages[marker - 1])
        asked = wanted.rstrip(".").split()
        first = chance.randint(0, len(asked) - 3)
        yield {
            "question": f"What do the documents say about {' '.join(asked[first : first + chance.randint(2, 5)])}?",
            "passages": [{"title": sentence()[:20], "text": " ".join(sentences)} for sentences in passages],
            "answer": f"{opening} {wanted} [{marker}]",
        }
