"""Whether a passage supports a statement, without a model.

A statement's support is the share of its content words (numbers, and stems without stop words) that the passage has,
less a penalty if one of its numbers does not stand there. It is supported from a threshold on, which
`python -m evals.fit_grounding` fitted on WiCE (Kamoi et al. 2023); docs/explanation/citations.md has the figures.
The check while an answer is written and the metric `grounding` are both this.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from core.sentences import sentence_spans
from core.types import Chunk
from serving.content_words import ContentWords

# Fitted: see the module's docstring.
THRESHOLD = 0.7
# What a number without a source costs.
NUMBER_PENALTY = 0.1

# A statement is shown with the sentence that says it, or up to this many together; each more has to bring this much.
LONGEST_PLACE = 3
_SENTENCE_COST = 0.05

Words = Set[str | int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage says what a statement says, as a span of the document, and how far it supports it, in [0, 1]."""

    start: int
    end: int
    support: float

    @property
    def supported(self) -> bool:
        return self.support >= THRESHOLD


def support(statement: Words, held: Words) -> float:
    """The support of a statement's words by those of a passage, in [0, 1]. What says nothing is supported by all."""
    if not statement:
        return 1.0
    missing = statement - held
    unsourced = any(isinstance(word, str) for word in missing)
    return max(0.0, 1 - len(missing) / len(statement) - (NUMBER_PENALTY if unsourced else 0.0))


class PassageSentences:
    """The sentences of one passage and their words, analysed once."""

    def __init__(self, chunk: Chunk, words: ContentWords, language: str) -> None:
        self._chunk = chunk
        self._spans = sentence_spans(chunk.text, language)
        self._words = [words.keys(chunk.text[start:end]) for start, end in self._spans]
        # A sentence that only says "it" is about what stands above it.
        self._headings = words.keys(" ".join((chunk.title, *chunk.heading_path)))

    def best_place(self, statement: Words) -> Place:
        """The few sentences that support the statement best; the whole passage if none has anything of it."""
        everything = self._headings.union(*self._words)
        whole = Place(self._chunk.start, self._chunk.end, round(support(statement, everything), 6))
        best, best_value = whole, 0.0
        for first in range(len(self._spans)):
            held: Words = frozenset()
            for last in range(first, min(first + LONGEST_PLACE, len(self._spans))):
                held = held | self._words[last]
                value = support(statement, held) - _SENTENCE_COST * (last - first)
                if value > best_value:
                    best, best_value = self._place(first, last, whole.support), value
        return best

    def whole(self, statement: Words) -> Place:
        """The whole passage, and how far it supports the statement."""
        everything = self._headings.union(*self._words)
        return Place(self._chunk.start, self._chunk.end, round(support(statement, everything), 6))

    def _place(self, first: int, last: int, support: float) -> Place:
        start, end = self._spans[first][0], self._spans[last][1]
        return Place(self._chunk.start + start, self._chunk.start + end, support)
