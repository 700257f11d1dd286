"""How far one text says what another says, and where: what diagnosis compares corrections and documents by. Pure.

A text is taken apart into statements. A statement is held by a place, up to three sentences that stand together, as far
as the place has its content words; a number of the statement that the place lacks, and a denial of what is nearly the
same, cost as much as they do where citations are checked (serving/grounding/support.py). Weighing words by their
rareness was tried and tells a reworded sentence's own document from others less well than counting them alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from core.citation_marker import without_markers
from core.sentences import sentence_spans
from serving.grounding.support import (
    CONTRADICTION_PENALTY,
    LONGEST_PLACE,
    NEARLY_THE_SAME,
    NUMBER_PENALTY,
    THRESHOLD,
    Reader,
    Said,
    Words,
)

# What each further sentence of a place costs: one sentence that says it all beats three that do together.
SENTENCE_COST = 0.05
# A statement of fewer words is told apart from nothing; it is read together with its neighbour.
FEWEST_WORDS = 3
# Texts whose sentences are kept: what one diagnosis looks at, some 20 documents and 200 chunks, a few times over.
TEXTS_KEPT = 1000

_HEADING = re.compile(r"\s*#{1,6}\s")


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a text says, in its words and as it is compared."""

    text: str
    said: Said

    @property
    def weight(self) -> int:
        """What it counts beside others: the number of its content words."""
        return len(self.said.words)


@dataclass(frozen=True, slots=True)
class Held:
    """The span that holds a statement best: the share of its words that it has, and what a missing number and a denial
    cost. `opposing` is a span that says nearly the same but denies it, or has another number."""

    coverage: float
    penalty: float
    start: int
    end: int
    opposing: tuple[int, int] | None = None

    @property
    def score(self) -> float:
        return self.coverage - self.penalty


@dataclass(frozen=True, slots=True)
class TextRead:
    """A text's sentences: their spans, what each says by itself, and what it says under its heading."""

    spans: Sequence[tuple[int, int]]
    said: Sequence[Said]
    headed: Sequence[Words]


class Wording:
    """Compares texts of one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._reader = Reader(language)
        self.read = lru_cache(maxsize=TEXTS_KEPT)(self._read)

    def statements(self, text: str) -> tuple[Statement, ...]:
        """What the text says, statement by statement; none if it says nothing."""
        plain = without_markers(text)
        pieces = [plain[start:end] for start, end in sentence_spans(plain, self._language)]
        found: list[Statement] = []
        for piece in pieces:
            said = self._reader.sentence(piece)
            if found and min(len(said.words), len(found[-1].said.words)) < FEWEST_WORDS:
                before = found.pop()
                piece, said = f"{before.text} {piece}", _joined(before.said, said)
            if said.words:
                found.append(Statement(piece, said))
        return tuple(found)

    def words(self, text: str) -> Words:
        """The content words of a text."""
        return self._reader.sentence(text).words

    def _read(self, text: str, heading: str = "") -> TextRead:
        """The text's sentences, each under the heading above it; `heading` is the one that stands above them all."""
        spans, said = self._reader.sentences(text)
        above = self._reader.sentence(heading).words
        headed, current = [], above
        for (start, end), one in zip(spans, said, strict=True):
            if _HEADING.match(text[start:end]):
                current = above | one.words
            headed.append(one.words | current)
        return TextRead(spans, said, headed)

    def held(self, statement: Statement, text: TextRead) -> Held:
        """The place of the text that holds the statement best, and one that opposes it, if there is one."""
        best = opposing = Held(0.0, 0.0, 0, 0)
        for first in range(len(text.spans)):
            words: Words = frozenset()
            for last in range(first, min(first + LONGEST_PLACE, len(text.spans))):
                words = words | text.headed[last]
                if len(statement.said.words & words) < THRESHOLD / 2 * statement.weight:
                    continue
                place = self._place(statement, text, first, last, words)
                if place.score > best.score:
                    best = place
                if place.opposing and place.coverage > opposing.coverage:
                    opposing = place
        return replace(best, opposing=opposing.opposing)

    def _place(self, statement: Statement, text: TextRead, first: int, last: int, words: Words) -> Held:
        wanted = statement.said.words
        start, end = text.spans[first][0], text.spans[last][1]
        unsourced = any(isinstance(word, str) for word in wanted - words)
        denied = self._denied(statement, text, first, last)
        coverage = len(wanted & words) / len(wanted) - SENTENCE_COST * (last - first)
        penalty = (NUMBER_PENALTY if unsourced else 0.0) + (CONTRADICTION_PENALTY if denied else 0.0)
        opposing = (start, end) if denied or (unsourced and _other_numbers(wanted, words)) else None
        return Held(coverage, penalty, start, end, opposing)

    def _denied(self, statement: Statement, text: TextRead, first: int, last: int) -> bool:
        """Whether the sentences here that say nearly the same as the statement say that it is not so."""
        enough = NEARLY_THE_SAME * statement.weight
        alike = [
            text.said[number].negated
            for number in range(first, last + 1)
            if len(statement.said.words & text.headed[number]) >= enough
        ]
        return bool(alike) and all(negated != statement.said.negated for negated in alike)


def _other_numbers(wanted: Words, words: Words) -> bool:
    """Whether all but the numbers is there, and other numbers in their place."""
    plain = {word for word in wanted if not isinstance(word, str)}
    others = any(isinstance(word, str) for word in words - wanted)
    return others and len(plain & words) >= THRESHOLD * max(FEWEST_WORDS, len(plain))


def _joined(one: Said, other: Said) -> Said:
    return Said(one.words | other.words, one.negated or other.negated)
