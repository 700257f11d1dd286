"""Reading a judge's reply: the JSON in its text, and whether that is the judgement that was asked for."""

from __future__ import annotations

import json
import re

from pydantic import ValidationError

from core.errors import JudgeError
from core.ports import Judgement

# What reasoning models write before they answer.
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
_SHOWN = 120


def read_reply(text: str, form: type[Judgement]) -> Judgement:
    """The first JSON object of the reply as a filled form; talk and a code fence around it do no harm.

    Raises JudgeError that says what is wrong with it.
    """
    answer = _THOUGHTS.sub("", text)
    start = answer.find("{")
    if start < 0:
        raise JudgeError(f"the judge answered without JSON: {_start_of(answer)}")
    try:
        content, _ = json.JSONDecoder(parse_constant=_refuse).raw_decode(answer, start)
    except (ValueError, RecursionError) as error:
        raise JudgeError(f"the judge's JSON cannot be read ({error}): {_start_of(answer[start:])}") from error
    try:
        return form.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise JudgeError(f"the judge's JSON is not what it was asked for: {place}: {first['msg']}") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _start_of(text: str) -> str:
    shown = " ".join(text.split())
    return f"{shown[:_SHOWN]!r}{'…' if len(shown) > _SHOWN else ''}" if shown else "an empty answer"
