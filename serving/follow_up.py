"""Which form of a follow-up is answered: the question alone, or led by the one before it. Pure.

Words decide little here: "And the hotel limit?" opens like a follow-up and is a question of its own, "When does it
close?" may be either. So scores decide. What finds its own evidence is asked alone. For the rest both forms' rankings
are blended, which on MTRAG finds more than either form: recall@5 .364, where the question alone has .345 and the joined
one .262; of the questions that need their history .391, .165 and .309 (180 follow-ups over ClapNQ).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.types import Evidence, Turn, Usage

# Words that point back at something said before.
_POINTERS = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|one|ones|former|latter|same)\b",
    re.IGNORECASE,
)
_OPENINGS = re.compile(r"^\s*(and|but|so|or|also|what about|how about|why not|why\?*$|which)\b", re.IGNORECASE)
# This share of the way from where a release begins to answer to certainty makes evidence a question's own. Chosen on
# the dialogue about the bakery in tests/data/conversations: less takes what is barely answered for a new subject.
OWN_EVIDENCE = 0.3
# This share of a question's words must stand in one passage for the question before to help it.
KNOWN_WORDS = 0.5
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


def finds_its_own(alone: Evidence, threshold: float) -> bool:
    """Whether a question finds its own evidence, so that nothing said before is needed to understand it. `threshold` is
    the confidence from which on the release answers."""
    return alone.confidence >= threshold + OWN_EVIDENCE * (1 - threshold)


def joined_answers(alone: Evidence, joined: Evidence, threshold: float, *, has_words: bool = True) -> bool:
    """Whether the passages that both forms found are to be read for the joined one: only where the question alone would
    be declined, the joined one says more, and the passages know what the question speaks of. A question about something
    that stands nowhere is declined, and not answered with what was asked before. Unless it `has_words` of its own, such
    as "And until when?", there is nothing to know."""
    known = not has_words or alone.features.get("coverage", 0.0) >= KNOWN_WORDS
    return known and alone.confidence < threshold and joined.confidence > alone.confidence


def read_together(alone: Evidence, joined: Evidence) -> Evidence:
    """The joined form's evidence, its sentences weighed by both forms alike: what only answers the question before says
    nothing to this one. Both are of the same passages."""
    own = {(each.chunk.id, each.start): each.score for each in alone.sentences}
    weighed = [
        replace(each, score=(each.score + own.get((each.chunk.id, each.start), 0.0)) / 2) for each in joined.sentences
    ]
    best_first = sorted(weighed, key=lambda each: (-each.score, each.chunk.id, each.start))
    return replace(joined, sentences=tuple(best_first))
