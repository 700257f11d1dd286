"""What a judge says: sensibly, by counting words, and in every way that goes wrong."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_SCHEMA = re.compile(r"fits this JSON Schema, and nothing else:\n(\{.*\})\n")
_INPUT = re.compile(r"\nInput:\n(\{.*\})\s*\Z")


class Manner(StrEnum):
    """How a judge answers, or fails to."""

    SENSIBLE = "sensible"
    FENCED = "fenced"
    """Sensible, with a thought before it and in a code fence."""
    PROSE = "prose"
    EMPTY = "empty"
    BROKEN_JSON = "broken_json"
    OTHER_JSON = "other_json"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NOT_A_NUMBER = "not_a_number"
    NO_ITEMS = "no_items"
    FEWER_ITEMS = "fewer_items"
    """A verdict on some of the statements only."""
    SERVER_ERROR = "server_error"
    BUSY = "busy"
    HANGS = "hangs"


def reply(prompt: str, manner: Manner = Manner.SENSIBLE) -> str:
    """The text of an answer to one of the judges' prompts, or to one that asks for a JSON schema in the same words."""
    content = sensible(prompt)
    match manner:
        case Manner.FENCED:
            return f"<think>Could be {{}}.</think>Here you are:\n```json\n{json.dumps(content)}\n```"
        case Manner.PROSE:
            return "I would say that this answer is quite faithful, all things considered."
        case Manner.EMPTY:
            return ""
        case Manner.BROKEN_JSON:
            return json.dumps(content)[:-3]
        case Manner.OTHER_JSON:
            return '{"score": 0.93}'
        case Manner.WRONG_TYPE:
            return json.dumps(_numbers(content, "certainly"))
        case Manner.OUT_OF_RANGE:
            return json.dumps(_numbers(content, 7))
        case Manner.NOT_A_NUMBER:
            return json.dumps(_numbers(content, float("nan")))
        case Manner.NO_ITEMS:
            return json.dumps({key: [] if isinstance(value, list) else value for key, value in content.items()})
        case Manner.FEWER_ITEMS:
            verdicts = {key: value[:-1] if _are_verdicts(value) else value for key, value in content.items()}
            return json.dumps(verdicts)
        case _:
            return json.dumps(content)


def sensible(prompt: str) -> dict[str, Any]:
    """Statements are sentences, and a statement is supported by a text that holds most of its longer words."""
    schema = _found(_SCHEMA, prompt)
    given = _found(_INPUT, prompt)
    return _filled(schema, schema.get("$defs", {}), given) if schema else {}


def _found(pattern: re.Pattern[str], prompt: str) -> dict[str, Any]:
    match = pattern.search(prompt)
    found: dict[str, Any] = json.loads(match[1]) if match else {}
    return found


def _filled(schema: dict[str, Any], forms: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(name, part, forms, given) for name, part in schema["properties"].items()}


def _value(name: str, schema: dict[str, Any], forms: dict[str, Any], given: dict[str, Any]) -> Any:
    match schema.get("type"):
        case "integer":
            return _verdict(name, given)
        case "array":
            statements = given.get("statements") or sentences(_text(given))
            if "$ref" not in schema["items"]:
                return statements
            form = forms[schema["items"]["$ref"].rsplit("/", 1)[-1]]
            return [_filled(form, forms, {**given, "statement": each}) for each in statements]
        case "string":
            return str(given.get(name) or given.get("response") or "because of its words")
    raise ValueError(f"no value for {schema}")


def _verdict(name: str, given: dict[str, Any]) -> int:
    if name == "noncommittal":
        return int("do not know" in given.get("response", ""))
    return int(supports(given.get("context", ""), given.get("statement") or given.get("answer", "")))


def supports(context: str, statement: str) -> bool:
    """Whether at least half of the statement's words of four letters and more stand in the context."""
    words = re.findall(r"\w{4,}|\d+", statement.casefold())
    return not words or sum(word in context.casefold() for word in words) * 2 >= len(words)


def sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()]


def _text(given: dict[str, Any]) -> str:
    return str(given.get("text") or given.get("response") or given.get("answer") or "")


def _numbers(content: Any, number: object) -> Any:
    """The content with every number in it replaced."""
    if isinstance(content, dict):
        return {key: _numbers(value, number) for key, value in content.items()}
    if isinstance(content, list):
        return [_numbers(value, number) for value in content]
    return number if isinstance(content, int) else content


def _are_verdicts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
