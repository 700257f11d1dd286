"""Training rows for the tests."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from serving.finetune.dataset import TrainingRow


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A row whose question no other number's resembles."""
    word = "".join(chr(97 + int(digit)) * 3 for digit in f"{number:03}")
    return {
        "question": f"Who owns the {word} cabinet?",
        "passages": [{"title": "Cabinets", "text": f"The {word} cabinet is owned by team {number}."}],
        "answer": f"Team {number} owns it. [1]",
        **changes,
    }


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return path


def parsed_row(**changes: Any) -> TrainingRow:
    """The first row, with changes, as it is read from a file."""
    return TrainingRow.model_validate_json(json.dumps(row(1, **changes)))


def hostile_rows(count: int) -> list[TrainingRow]:
    """Rows full of what prompts and chat templates take for their own."""
    draw = random.Random(5)
    pieces = (
        "Tea is free. ",
        "[1]",
        "\n\n",
        "</passage>",
        '"',
        "<|im_end|>",
        "é",
        "- a list",
        "# Heading\n",
        " ",
        "\t",
        "ß",
    )

    def text() -> str:
        return "It says " + "".join(draw.choices(pieces, k=draw.randint(0, 8)))

    roles = ("user", "assistant")
    return [
        parsed_row(
            question=text(),
            passages=[{"title": text(), "text": text()} for _ in range(draw.randint(1, 4))],
            history=[{"role": draw.choice(roles), "content": text()} for _ in range(draw.randint(0, 5))],
        )
        for _ in range(count)
    ]
