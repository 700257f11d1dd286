"""Where what is quoted is contradicted by another document that answers the question as well. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.text.languages import FALLBACK
from core.text.passage_parts import cells, column_names, row_around
from core.types import Chunk, ScoredSentence
from serving.grounding.opposed import Opposed, opposed, opposed_rows
from serving.grounding.quotes import WORTH_QUOTING, Quote, words_of
from serving.grounding.support import SentenceReader

# So many are shown: whoever has more has documents to put in order.
MOST = 3
# Sentences with a smaller share of their words in common are not looked at closer.
_ALIKE = 0.4

_NUMBER = re.compile(r"\d+")
_POINTING = "it its they their he she this these that those there er sie es dies diese il elle"
_POINTERS = frozenset(_POINTING.split())


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two sentences of different documents, of which the first is quoted, and what each says."""

    quoted: ScoredSentence
    other: ScoredSentence
    says: Opposed


class ContradictionFinder:
    """Compares what is quoted with the other sentences that answer, in one language or, for `auto`, in each its own."""

    def __init__(self, language: str) -> None:
        self._reader = SentenceReader(language)

    def among(self, question: str, quotes: Sequence[Quote], sentences: Sequence[ScoredSentence]) -> list[Contradiction]:
        """The contradictions between what is quoted and what is worth quoting, one for each two documents."""
        if len({sentence.chunk.document_id for sentence in sentences}) < 2:
            return []
        floor = WORTH_QUOTING * sentences[0].score
        worth = [(sentence, _words(sentence.text)) for sentence in sentences if sentence.score >= floor]
        said = [(each, words) for each, words in worth if any(quote.holds(each) for quote in quotes)]
        asked = frozenset(self._reader.sentence(question).words)
        found: dict[frozenset[str], Contradiction] = {}
        for one, other, says in _opposed(said, worth):
            documents = frozenset((one.chunk.document_id, other.chunk.document_id))
            if documents not in found and self._alike_to(asked, one, other):
                found[documents] = Contradiction(one, other, says)
        return list(found.values())[:MOST]

    def _alike_to(self, asked: frozenset[str | int], one: ScoredSentence, other: ScoredSentence) -> bool:
        """Whether the question tells the two apart by nothing: whoever asks for one year, or one of two shops, gets no
        contradiction from the other."""
        here, there = (asked & self._about(sentence) for sentence in (one, other))
        return bool(here) and here == there

    def _about(self, sentence: ScoredSentence) -> frozenset[str | int]:
        chunk = sentence.chunk
        text = " ".join((chunk.title, *chunk.heading_path, sentence.text))
        return frozenset(self._reader.sentence(text, chunk.language).words)


def with_others(quotes: Sequence[Quote], contradictions: Sequence[Contradiction]) -> list[Quote]:
    """The quotes, each followed by what contradicts it, where that is not quoted anyway."""
    shown = list(quotes)
    for each in contradictions:
        if any(quote.holds(each.other) for quote in shown):
            continue
        place = next(number for number, quote in enumerate(shown, start=1) if quote.holds(each.quoted))
        while place < len(shown) and shown[place].goes_on:
            place += 1
        shown.insert(place, _quote(each.other))
    return shown


def _quote(sentence: ScoredSentence) -> Quote:
    chunk = sentence.chunk
    row = _row(sentence)
    return Quote(chunk, sentence.start, sentence.end, sentence.score, row.columns if row else ())


_Read = tuple[ScoredSentence, frozenset[str]]


def _opposed(said: Sequence[_Read], worth: Sequence[_Read]) -> Iterator[tuple[ScoredSentence, ScoredSentence, Opposed]]:
    for one, words in said:
        for other, others in worth:
            if one.chunk.document_id == other.chunk.document_id or one.chunk.language != other.chunk.language:
                continue
            if len(words & others) < _ALIKE * len(words | others):
                continue
            says = _compared(one, other)
            if says is not None:
                yield one, other, says


def _words(text: str) -> frozenset[str]:
    """The words without the numbers, which may be what differs."""
    return frozenset(word for word in words_of(text) if not word[0].isdigit())


def _compared(one: ScoredSentence, other: ScoredSentence) -> Opposed | None:
    here, there = _row(one), _row(other)
    if here and there:
        return opposed_rows(here.cells, there.cells) if here.columns == there.columns else None
    if here or there or (_points_back(one.text) and not _same_heading(one.chunk, other.chunk)):
        return None
    return opposed(one.text, other.text, one.chunk.language or FALLBACK)


@dataclass(frozen=True, slots=True)
class _Row:
    """A table's row: the names of its columns, and what stands in them."""

    columns: tuple[str, ...]
    cells: tuple[str, ...]


def _row(sentence: ScoredSentence) -> _Row | None:
    """The row that the sentence is, if it is one."""
    chunk, at = sentence.chunk, sentence.start - sentence.chunk.start
    if (around := row_around(chunk.text, at)) is None:
        return None
    return _Row(column_names(chunk.text, at, chunk.heading_path), cells(chunk.text[slice(*around)]))


def _points_back(text: str) -> bool:
    """Whether the sentence only says "it" of what it is about."""
    return text.split(maxsplit=1)[0].casefold() in _POINTERS


def _same_heading(one: Chunk, other: Chunk) -> bool:
    """Whether both stand under the same last heading, but for numbers."""
    here, there = (_NUMBER.sub("", (chunk.title, *chunk.heading_path)[-1].casefold()) for chunk in (one, other))
    return here.split() == there.split()
