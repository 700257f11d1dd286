"""What the mock model says, and how it fails: a quotation with its marker, out of the prompt it was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from serving.refusal import NOT_FOUND

_QUOTED = re.compile(r"(?P<sentence>[^\n]*?\S) \[(?P<marker>\d{1,4})\]")
_QUESTION = re.compile(r"^\s*Question: (.*)$", re.MULTILINE)
_USER = re.compile(r"^\s*user: (.*)$", re.MULTILINE)
_WORD = re.compile(r"\w+")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"[`*|]|^\s*(?:[-#>]+|\d+\.)\s")
# A token of the mock's: a word or a sign, with the space before it.
TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")
# What a chat template puts around a message.
TOKENS_AROUND_MESSAGE = 4


class ModelManner(StrEnum):
    """How a model server answers, or fails to."""

    SENSIBLE = "sensible"
    EMPTY = "empty"
    """A completion without text."""
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    OVERFLOW = "overflow"
    """Says that the context is too long, whatever was sent."""
    NOT_JSON = "not_json"
    """Status 200 with a page of HTML."""
    BROKEN_JSON = "broken_json"
    """A stream whose second event is no JSON."""
    ERROR_EVENT = "error_event"
    """A stream whose second event is an error object, as vLLM sends it."""
    TRUNCATED = "truncated"
    """A stream that ends after half of its text, without a finish reason."""
    DROPPED = "dropped"
    """A connection that is closed after half of the text."""
    STALLS = "stalls"
    """A stream that stops after half of its text and stays open."""
    HANGS = "hangs"
    """Nothing at all is said."""


STATUSES = {
    ModelManner.UNAUTHORIZED: (401, "Unauthorized"),
    ModelManner.FORBIDDEN: (403, "this key may not use the model"),
    ModelManner.BUSY: (429, "too many requests"),
    ModelManner.SERVER_ERROR: (500, "EngineCore encountered an issue"),
    ModelManner.OVERFLOW: (
        400, "This model's maximum context length is 16 tokens. However, you requested 99. Please reduce the length."
    ),
}  # fmt: skip


def tokens(text: str) -> list[str]:
    """The text cut into tokens, which joined are the text."""
    return TOKEN.findall(text)


def count(messages: Sequence[Mapping[str, str]]) -> int:
    """Tokens of a conversation as the mock's chat template renders it."""
    return 3 + sum(TOKENS_AROUND_MESSAGE + len(tokens(message["content"])) for message in messages)


def sensible(messages: Sequence[Mapping[str, str]]) -> str:
    """The quoted sentence that shares most words with the question, with its marker; asked to rewrite a question, the
    question with the one before it."""
    prompt = messages[-1]["content"]
    asked = _QUESTION.findall(prompt)
    question = asked[-1] if asked else prompt
    if "Rewrite the question" in prompt:
        before = _USER.findall(prompt)
        return f"{question.rstrip('?')}, {before[-1]}" if before else question
    wanted = _words(question)
    quoted = [(len(wanted & _words(found["sentence"])), found) for found in _QUOTED.finditer(prompt)]
    best = max(quoted, key=lambda scored: scored[0], default=None)
    if best is None or best[0] == 0:
        return NOT_FOUND
    return f"{best[1]['sentence'].strip()} [{best[1]['marker']}]"


def prose(text: str) -> str:
    """The text without markdown, but for its markers: as models write that follow their prompt."""
    return _MARKUP.sub("", _LINK.sub(r"\1", text)).strip()


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text) if len(word) > 2}
