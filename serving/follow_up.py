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

from core.types import Evidence, ScoredSentence, Turn, Usage
from serving.grounding.quotes import SAME, words_of

# Words that point back at something said before.
_POINTERS = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|one|ones|former|latter|same)\b",
    re.IGNORECASE,
)
_OPENINGS = re.compile(r"^\s*(and|but|so|or|also|what about|how about|why not|why\?*$|which)\b", re.IGNORECASE)
# This share of the way from where a release begins to answer to certainty makes evidence a question's own. Chosen on
# the dialogue about the bakery in tests/data/conversations: less takes what is barely answered for a new subject.
OWN_EVIDENCE = 0.3
# This share of a question's words must stand in one passage for the question before to help it. With more of them
# there it speaks of something that is known, however short it is: this share of the threshold is confidence enough. Of
# 130 follow-ups of MTRAG whose evidence was taken away one more is answered for it.
KNOWN_WORDS = 0.5
KNOWN_SUBJECT = 0.5
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


def told_before(history: Sequence[Turn]) -> str:
    """The last answer; empty where there was none."""
    return next((turn.content for turn in reversed(history) if turn.role == "assistant"), "")


def finds_its_own(alone: Evidence, threshold: float) -> bool:
    """Whether a question finds its own evidence, so that nothing said before is needed to understand it. `threshold` is
    the confidence from which on the release answers."""
    return alone.confidence >= threshold + OWN_EVIDENCE * (1 - threshold)


def helped_by_context(alone: Evidence, *, has_words: bool) -> bool:
    """Whether the question before may help: where the passages that both forms found know what this one speaks of. A
    question about something that stands nowhere is declined, and not answered with what was asked before. Unless it
    `has_words` of its own, such as "And until when?", there is nothing to know."""
    return not has_words or _coverage(alone) >= KNOWN_WORDS


def in_context(alone: Evidence, joined: Evidence, threshold: float, told: str, *, has_words: bool) -> Evidence:
    """What the passages that both forms found say to the question, read for both. `threshold` is the confidence from
    which on the release answers, `told` the answer before."""
    confidence = max(alone.confidence, joined.confidence)
    if has_words and _coverage(alone) > KNOWN_WORDS and alone.confidence >= KNOWN_SUBJECT * threshold:
        confidence = max(confidence, threshold)
    sentences = _weighed(alone, joined)
    if has_words:
        sentences = _without_told(sentences, alone, joined, told)
    missing = alone.missing if alone.confidence >= threshold else joined.missing
    return Evidence(sentences, alone.features, confidence, missing)


def _coverage(evidence: Evidence) -> float:
    return evidence.features.get("coverage", 0.0)


def _weighed(alone: Evidence, joined: Evidence) -> tuple[ScoredSentence, ...]:
    """The sentences by both forms alike: what only answers the question before says nothing to this one. Both are of
    the same passages."""
    own = _scores(alone)
    weighed = [replace(each, score=(each.score + own.get(_place(each), 0.0)) / 2) for each in joined.sentences]
    return tuple(sorted(weighed, key=lambda each: (-each.score, *_place(each))))


def _without_told(
    sentences: Sequence[ScoredSentence], alone: Evidence, joined: Evidence, told: str
) -> tuple[ScoredSentence, ...]:
    """Without those that the answer before told, unless they say as much to this question as to the one before, or
    nothing says more to it."""
    said = words_of(told)
    own, both = _scores(alone), _scores(joined)
    best = {_place(each) for each in alone.sentences[:1]}

    def repeats(each: ScoredSentence) -> bool:
        words = words_of(each.text)
        place = _place(each)
        return len(words & said) >= SAME * len(words) and own.get(place, 0.0) < both[place] and place not in best

    return tuple(each for each in sentences if not repeats(each))


def _scores(evidence: Evidence) -> dict[tuple[str, int], float]:
    return {_place(each): each.score for each in evidence.sentences}


def _place(sentence: ScoredSentence) -> tuple[str, int]:
    return sentence.chunk.id, sentence.start
