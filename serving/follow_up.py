"""Making a follow-up question stand on its own, for retrieval. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.types import Turn, Usage

# Words that point back at something said before.
_POINTERS = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|one|ones|former|latter|same)\b",
    re.IGNORECASE,
)
_OPENINGS = re.compile(r"^\s*(and|but|so|or|also|what about|how about|why not|why\?*$|which)\b", re.IGNORECASE)
# A question this short rarely names its own subject.
_SHORT_WORDS = 4


@dataclass(frozen=True, slots=True)
class StandaloneQuery:
    """What to retrieve with; `model_usage` are the tokens of the model that wrote it, if one did."""

    text: str
    model_usage: Usage | None = None


def depends_on_history(question: str) -> bool:
    """Whether the question seems to lean on the turns before it."""
    short = len(question.split()) < _SHORT_WORDS
    return short or bool(_OPENINGS.match(question) or _POINTERS.search(question))


def standalone_query(question: str, history: Sequence[Turn]) -> str:
    """The text to retrieve with: the question, led by the user's previous one where it leans on that.

    Questions that stand on their own pass unchanged, so that an old subject does not colour a new one.
    """
    previous = next((turn.content for turn in reversed(history) if turn.role == "user"), None)
    if previous is None or not depends_on_history(question):
        return question
    return f"{previous}\n{question}"
