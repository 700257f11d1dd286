"""Answers that people scored, a line of JSON each: what a judge is calibrated with."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from core.errors import InputError
from core.frozen import Frozen


class RatedAnswer(Frozen):
    """A question, the passages the answer was written from, the answer, and how faithful people found it. The scale is
    theirs; higher is better."""

    id: str = ""
    question: str = Field(min_length=1)
    contexts: tuple[str, ...] = Field(min_length=1)
    answer: str = Field(min_length=1)
    score: float = Field(allow_inf_nan=False)


def read_rated_answers(path: Path) -> list[RatedAnswer]:
    """The answers of a JSONL file. Raises InputError that names the line at fault."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    answers = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            answers.append(RatedAnswer.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{path.name}, line {number}: {place} {first['msg']}.") from error
    if not answers:
        raise InputError(f"{path.name} has no answers in it.")
    return answers
