"""Which form of a follow-up is searched with: the question alone, or led by the one before it. Pure.

Words decide little here: "And the hotel limit?" opens like a follow-up and is a question of its own, "When does it
close?" may be either. So both forms are searched, and what they find decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.types import Evidence, Turn, Usage

# Words that point back at something said before.
_POINTERS = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|one|ones|former|latter|same)\b",
    re.IGNORECASE,
)
_OPENINGS = re.compile(r"^\s*(and|but|so|or|also|what about|how about|why not|why\?*$|which)\b", re.IGNORECASE)
OWN_EVIDENCE = 0.4
# A question this short rarely names its own subject.
_SHORT_WORDS = 4


@dataclass(frozen=True, slots=True)
class StandaloneQuery:
    """A model's rewriting of a follow-up, None where it has none to offer; `model_usage` are its tokens, if it was
    asked."""

    text: str | None = None
    model_usage: Usage | None = None


def depends_on_history(question: str) -> bool:
    """Whether the question seems to lean on the turns before it: whether it is worth a model's time to rewrite it."""
    short = len(question.split()) < _SHORT_WORDS
    return short or bool(_OPENINGS.match(question) or _POINTERS.search(question))


def joined_query(question: str, history: Sequence[Turn]) -> str | None:
    """The question led by the person's previous one; None where there was none."""
    previous = next((turn.content for turn in reversed(history) if turn.role == "user"), None)
    return None if previous is None else f"{previous}\n{question}"


def finds_its_own(alone: Evidence) -> bool:
    """Whether a question finds its own evidence, so that nothing said before is needed to understand it."""
    return alone.confidence >= OWN_EVIDENCE


def joined_finds_more(alone: Evidence, joined: Evidence) -> bool:
    """Whether the question joined with the one before it finds more than alone."""
    return joined.confidence > alone.confidence
