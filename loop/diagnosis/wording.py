"""How far one text says what another says, and where: what diagnosis compares corrections and documents by. Pure.

A text is taken apart into statements. A statement is held by a place, up to three sentences that stand together, as far
as the place has its content words; a number of the statement that the place lacks, and a denial of what is nearly the
same, cost as much as they do where citations are checked (serving/grounding/support.py). Weighing words by their
rareness was tried and tells a reworded sentence's own document from others less well than counting them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from core.text.citation_marker import without_markers
from core.text.languages import read_as
from core.text.markdown_lines import is_heading
from core.text.sentences import sentence_spans
from serving.grounding.support import (
    CONTRADICTION_PENALTY,
    NUMBER_PENALTY,
    THRESHOLD,
    SentenceContent,
    SentenceReader,
    SentenceRun,
    Words,
    contradicted,
    holds_number,
    runs,
)

# A statement of fewer words is told apart from nothing; it is read together with its neighbour.
FEWEST_WORDS = 3
# Texts whose sentences are kept: what one diagnosis looks at, some 20 documents and 200 chunks, a few times over.
TEXTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a text says, in its words and as it is compared."""

    text: str
    said: SentenceContent

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
    """A text's sentences: their spans, and what each says under its heading."""

    spans: Sequence[tuple[int, int]]
    said: Sequence[SentenceContent]


class Wording:
    """Compares texts of one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._reader = SentenceReader(language)
        self.read = lru_cache(maxsize=TEXTS_KEPT)(self._read)

    def statements(self, text: str) -> tuple[Statement, ...]:
        """What the text says, statement by statement; none if it says nothing."""
        plain = without_markers(text)
        language = read_as(plain, self._language)
        pieces = [plain[start:end] for start, end in sentence_spans(plain, language)]
        found: list[Statement] = []
        for piece in pieces:
            said = self._reader.sentence(piece, language)
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
            if is_heading(text[start:end]):
                current = above | one.words
            headed.append(SentenceContent(one.words | current, one.negated))
        return TextRead(spans, headed)

    def held(self, statement: Statement, text: TextRead) -> Held:
        """The place of the text that holds the statement best, and one that opposes it, if there is one."""
        best = opposing = Held(0.0, 0.0, 0, 0)
        for run in runs(statement.said, text.said, THRESHOLD / 2):
            place = _place(statement.said, text, run)
            if place.score > best.score:
                best = place
            if place.opposing and place.coverage > opposing.coverage:
                opposing = place
        return replace(best, opposing=opposing.opposing)


def _place(statement: SentenceContent, text: TextRead, run: SentenceRun) -> Held:
    start, end = text.spans[run.first][0], text.spans[run.last][1]
    unsourced = holds_number(statement.words - run.words)
    denied = contradicted(statement, text.said[run.first : run.last + 1])
    penalty = (NUMBER_PENALTY if unsourced else 0.0) + (CONTRADICTION_PENALTY if denied else 0.0)
    opposing = (start, end) if denied or (unsourced and _other_numbers(statement.words, run.words)) else None
    return Held(run.coverage, penalty, start, end, opposing)


def _other_numbers(wanted: Words, words: Words) -> bool:
    """Whether all but the numbers is there, and other numbers in their place."""
    plain = {word for word in wanted if not isinstance(word, str)}
    return holds_number(words - wanted) and len(plain & words) >= THRESHOLD * max(FEWEST_WORDS, len(plain))


def _joined(one: SentenceContent, other: SentenceContent) -> SentenceContent:
    return SentenceContent(one.words | other.words, one.negated or other.negated)
