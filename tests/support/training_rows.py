"""Training rows for the tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


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
