"""A model's text as it is streamed, its markers made into citations. Pure.

A model cites by the number of a passage: `[2]`, `[1][3]`, `[1, 3]`, `[1-3]`, `[^2]`, before the full stop or behind it.
Where a marker stands, the statement before it is known, so the place in the passage that supports it best can be found
there and then. What goes out is numbered anew: one number for each place, in the order in which they appear. A number
of no passage vanishes. Inside code, `a[1]` is code; so is `[0]` anywhere, since markers count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from core.text.citation_marker import BRACKET, LONGEST_INSIDE, passages_named, written
from core.text.languages import read_as
from core.text.sentences import sentence_spans
from core.types import Chunk, Citation, Passage
from serving.grounding.support import (
    THRESHOLD,
    PassageSentences,
    SentenceContent,
    SentenceReader,
    support,
)

# What needs a second look: a bracket with the space before it, code, the end of a line, space that a marker may follow.
_STOP = re.compile(r"(?<![ \t])[ \t]*+\[|`+|\n|(?<![ \t])[ \t]++\Z")
# Where the statement before a marker is looked for.
_PARAGRAPH_READ = 1000
_FENCE = 3
_NOTHING = SentenceContent(frozenset(), negated=False)


class CitedText:
    """Turns one answer's pieces into text with citations. The result does not depend on how the text was cut."""

    def __init__(self, passages: Sequence[Passage], language: str = "english", first_marker: int = 1) -> None:
        self._passages = passages
        language = read_as("\n".join(passage.chunk.text for passage in passages), language)
        self._language = language
        self._reader = _reader(language)
        self._first = first_marker
        self._citations: list[Citation] = []
        self._held = ""
        self._code = 0
        self._paragraph = ""
        self._marked_at = 0
        self._statement = _NOTHING

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations so far; all of them after `finish`."""
        return tuple(self._citations)

    def feed(self, piece: str) -> str:
        """The text that may go out now."""
        self._held += piece
        return self._advance(last=False)

    def finish(self) -> str:
        """What was held back."""
        return self._advance(last=True)

    def _advance(self, *, last: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(self._held):
            stop = _STOP.search(self._held, at)
            if stop is None:
                out.append(self._said(self._held[at:]))
                at = len(self._held)
                break
            out.append(self._said(self._held[at : stop.start()]))
            at = stop.start()
            taken = self._take(stop, last=last)
            if taken is None:
                break
            text, at = taken
            out.append(text)
        self._held = self._held[at:]
        return "".join(out)

    def _take(self, stop: re.Match[str], *, last: bool) -> tuple[str, int] | None:
        """What becomes of the stretch that `stop` found, and where it ends; None if more text must come first."""
        found, end = stop[0], stop.end()
        if found.endswith("["):
            return self._bracket(stop, last=last)
        if end == len(self._held) and not last and found != "\n":
            return None
        if found.startswith("`"):
            self._meet_code(len(found))
        if found == "\n":
            return self._line_end(), end
        return self._said(found), end

    def _bracket(self, stop: re.Match[str], *, last: bool) -> tuple[str, int] | None:
        """A bracket and, if it is a marker, those that follow on it: they stand for one statement together."""
        if self._code:
            return self._said(stop[0]), stop.end()
        numbers: list[int] = []
        at = end = stop.start()
        while bracket := BRACKET.match(self._held, at):
            complete = last or bracket.end() < len(self._held) or len(bracket["inside"]) == LONGEST_INSIDE
            if not complete:
                return None
            named = passages_named(bracket["inside"]) if bracket["closing"] else ()
            if not named:
                break
            numbers += named
            at = end = bracket.end()
        if not numbers:
            return self._said(stop[0]), stop.end()
        if self._held[end:].strip(" \t") == "" and not last:
            return None
        markers = "".join(map(written, self._cite(numbers)))
        return (stop[0][:-1] + markers if markers else ""), end

    def _meet_code(self, ticks: int) -> None:
        if not self._code:
            self._code = ticks
        elif self._code == ticks or (self._code >= _FENCE and ticks > self._code):
            self._code = 0

    def _line_end(self) -> str:
        if self._code < _FENCE:
            self._code = 0
        self._paragraph, self._marked_at, self._statement = "", 0, _NOTHING
        return "\n"

    def _said(self, text: str) -> str:
        self._paragraph += text
        return text

    def _cite(self, numbers: Sequence[int]) -> list[int]:
        """The markers of the passages with these numbers, for the statement that ends here."""
        known = [number for number in dict.fromkeys(numbers) if number <= len(self._passages)]
        statement = self._statement_here()
        # Passages that are cited together may each hold a part.
        alone = [support(statement, self._source(number).said) for number in known]
        together = support(statement, [said for number in known for said in self._source(number).said])
        markers = [
            self._marker(number, statement, score, supported=(together if score else 0.0) >= THRESHOLD)
            for number, score in zip(known, alone, strict=True)
        ]
        return list(dict.fromkeys(markers))

    def _statement_here(self) -> SentenceContent:
        """The sentence before this place, from its last marker on."""
        start = max(0, len(self._paragraph) - _PARAGRAPH_READ)
        sentences = sentence_spans(self._paragraph[start:], self._language)
        begins = start + sentences[-1][0] if sentences else start
        text = self._paragraph[max(begins, self._marked_at) :]
        self._marked_at = len(self._paragraph)
        statement = self._reader.sentence(text)
        if statement.words:
            self._statement = statement
        return self._statement

    def _marker(self, number: int, statement: SentenceContent, score: float, *, supported: bool) -> int:
        """The marker of the place in passage `number` that stands behind the statement. A place has two if it supports
        one statement and not another."""
        chunk = self._passages[number - 1].chunk
        start, end = self._source(number).place(statement)
        for index, known in enumerate(self._citations):
            same = (known.chunk.id, known.start, known.end) == (chunk.id, start, end)
            if same and known.supported == supported:
                self._citations[index] = replace(known, score=min(known.score, round(score, 6)))
                return known.marker
        quote = chunk.text[start - chunk.start : end - chunk.start]
        marker = self._first + len(self._citations)
        citation = Citation(marker, chunk, start, end, quote, round(score, 6), supported=supported)
        self._citations.append(citation)
        return marker

    def _source(self, number: int) -> PassageSentences:
        return _sentences(self._passages[number - 1].chunk, self._language)


@lru_cache(maxsize=8)
def _reader(language: str) -> SentenceReader:
    return SentenceReader(language)


# Reading a passage takes milliseconds, in which nobody else's answer goes on; what is cited is cited again.
@lru_cache(maxsize=2000)
def _sentences(chunk: Chunk, language: str) -> PassageSentences:
    return PassageSentences(chunk, _reader(language))
