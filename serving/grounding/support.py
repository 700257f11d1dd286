"""Whether passages support a statement, without a model.

A statement's support is the share of its content words (numbers, and stems without stop words) that stand in the three
sentences which together have most of them, less a penalty if one of its numbers stands nowhere in the passages, and
one if the sentence that says nearly the same says it is not so. It is supported from a threshold on, which
`python -m tools.fits.grounding` fitted on WiCE (Kamoi et al. 2023); docs/explanation/citations.md has the figures.
The check while an answer is written and the metric `grounding` are both this; diagnosis weighs places in documents by
the same rules (loop.diagnosis.wording).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from core.text.languages import read_as
from core.text.negation import NEGATION
from core.text.sentences import sentence_spans
from core.types import Chunk
from serving.grounding.content_words import ContentWords

# Fitted: see the module's docstring. With five or eight sentences instead of three, or one, it separates less well.
THRESHOLD = 0.56
MOST_SENTENCES = 3
# What a number without a source costs: 0.1, 0.2 and 0.4 separate less well.
NUMBER_PENALTY = 0.3
# What a contradiction costs: more than the threshold leaves of a statement that is word for word there. WiCE has next
# to none. A sentence says nearly the same if it has this share of the statement's words.
CONTRADICTION_PENALTY = 0.5
NEARLY_THE_SAME = 0.75

# A place is one sentence, or up to this many that stand together; each further one has to add this much: one sentence
# that says it all beats three that do together.
LONGEST_PLACE = 3
SENTENCE_COST = 0.05

Words = Set[str | int]


@dataclass(frozen=True, slots=True)
class SentenceContent:
    """What a sentence says, as far as it can be compared: its content words, and whether it negates."""

    words: Words
    negated: bool


class SentenceRun(NamedTuple):
    """Sentences that stand together, from number `first` to `last`, and the words that they have between them.
    `coverage` is the share of a statement's words that are among these, less what each further sentence costs."""

    first: int
    last: int
    words: Words
    coverage: float


class SentenceReader:
    """Reads texts for what they say, in one language or, for `auto`, each in its own."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._words = ContentWords(language)

    def sentence(self, text: str, language: str = "") -> SentenceContent:
        """What a single sentence says. `language` is that of the text around it."""
        language = language or read_as(text, self._language)
        negation = NEGATION.get(language)
        negated = negation is not None and negation.search(text) is not None
        return SentenceContent(self._words.keys(text, language), negated)

    def sentences(self, text: str) -> tuple[list[tuple[int, int]], list[SentenceContent]]:
        """The spans of a text's sentences, and what each says."""
        language = read_as(text, self._language)
        spans = sentence_spans(text, language)
        return spans, [self.sentence(text[start:end], language) for start, end in spans]


def support(statement: SentenceContent, sentences: Sequence[SentenceContent]) -> float:
    """How far the sentences support the statement, in [0, 1]. What says nothing is supported by nothing."""
    wanted = statement.words
    if not wanted:
        return 0.0
    missing = wanted - _best_together(wanted, sentences)
    unsourced = holds_number(word for word in missing if not any(word in said.words for said in sentences))
    score = 1 - len(missing) / len(wanted) - (NUMBER_PENALTY if unsourced else 0.0)
    return max(0.0, score - (CONTRADICTION_PENALTY if contradicted(statement, sentences) else 0.0))


def _best_together(wanted: Words, sentences: Sequence[SentenceContent]) -> Words:
    """The words of the few sentences that have most of those wanted, taken one after the other."""
    found: Words = frozenset()
    for _ in range(MOST_SENTENCES):
        rest = wanted - found
        best = max(sentences, key=lambda said: len(rest & said.words), default=None)
        if best is None or not rest & best.words:
            break
        found = found | best.words
    return found


def holds_number(words: Iterable[str | int]) -> bool:
    """Whether one of the words is a number."""
    return any(isinstance(word, str) for word in words)


def runs(statement: SentenceContent, sentences: Sequence[SentenceContent], least: float = 0.0) -> Iterator[SentenceRun]:
    """Every run of up to LONGEST_PLACE sentences that has at least this share of the statement's words."""
    wanted = statement.words
    weight = max(1, len(wanted))
    for first in range(len(sentences)):
        words: Words = frozenset()
        for last in range(first, min(first + LONGEST_PLACE, len(sentences))):
            words = words | sentences[last].words
            shared = len(wanted & words)
            if shared >= least * weight:
                yield SentenceRun(first, last, words, shared / weight - SENTENCE_COST * (last - first))


def contradicted(statement: SentenceContent, sentences: Sequence[SentenceContent]) -> bool:
    """Whether of the sentences that say nearly the same all negate it, or the statement negates what they all say."""
    enough = NEARLY_THE_SAME * len(statement.words)
    same = [said for said in sentences if len(statement.words & said.words) >= enough]
    return bool(same) and all(said.negated != statement.negated for said in same)


class PassageSentences:
    """The sentences of one passage, read once."""

    def __init__(self, chunk: Chunk, reader: SentenceReader) -> None:
        self._chunk = chunk
        self._spans, sentences = reader.sentences(chunk.text)
        # A sentence that only says "it" is about what stands above it.
        headings = reader.sentence(" ".join((chunk.title, *chunk.heading_path)))
        self._sentences = sentences
        self.said = [SentenceContent(said.words | headings.words, said.negated) for said in sentences] or [headings]

    def place(self, statement: SentenceContent) -> tuple[int, int]:
        """The span, in the document, of the few sentences, standing together, that have most of the statement's words;
        the whole passage if none has any."""
        best = max(runs(statement, self._sentences), key=attrgetter("coverage"), default=None)
        if best is None or best.coverage <= 0:
            return self._chunk.start, self._chunk.end
        return self._chunk.start + self._spans[best.first][0], self._chunk.start + self._spans[best.last][1]
