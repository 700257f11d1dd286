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

from core.sentences import sentence_spans
from core.types import Citation, Passage
from serving.content_words import ContentWords
from serving.support import PassageSentences, Words

# What needs a second look: a bracket with the space before it, code, the end of a line, space that a marker may follow.
_STOP = re.compile(r"(?<![ \t])[ \t]*+\[|`+|\n|(?<![ \t])[ \t]++\Z")
# What may stand between the brackets of a marker, and how much of it is waited for.
_INSIDE = re.compile(r"[\d ,;^–-]{0,40}")
_LONGEST_INSIDE = 40
_ITEM = re.compile(r"\^?(\d{1,3})(?: ?[-–] ?(\d{1,3}))?")
# [1-900] is no list of passages.
_LONGEST_RANGE = 20
# Where the statement before a marker is looked for.
_PARAGRAPH_READ = 1000
_FENCE = 3


class CitedText:
    """Turns one answer's pieces into text with citations. The result does not depend on how the text was cut."""

    def __init__(self, passages: Sequence[Passage], language: str = "english", first_marker: int = 1) -> None:
        self._passages = passages
        self._language = language
        self._words = _content_words(language)
        self._first = first_marker
        self._sources: dict[int, PassageSentences] = {}
        self._citations: list[Citation] = []
        self._held = ""
        self._code = 0
        self._paragraph = ""
        self._marked_at = 0
        self._statement: Words = frozenset()
        self._adjacent: list[int] = []

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
        if self._code:
            return self._said(stop[0]), stop.end()
        inside = _INSIDE.match(self._held, stop.end())
        end = inside.end() if inside else stop.end()
        if end == len(self._held) and end - stop.end() < _LONGEST_INSIDE and not last:
            return None
        numbers = _numbers(self._held[stop.end() : end]) if self._held[end : end + 1] == "]" else ()
        if not numbers:
            return self._said(stop[0]), stop.end()
        markers = "".join(f"[{marker}]" for marker in self._cite(numbers))
        return (stop[0][:-1] + markers if markers else ""), end + 1

    def _meet_code(self, ticks: int) -> None:
        if not self._code:
            self._code = ticks
        elif self._code == ticks or (self._code >= _FENCE and ticks > self._code):
            self._code = 0

    def _line_end(self) -> str:
        if self._code < _FENCE:
            self._code = 0
        self._paragraph, self._marked_at, self._statement = "", 0, frozenset()
        self._adjacent = []
        return "\n"

    def _said(self, text: str) -> str:
        if text.strip():
            self._adjacent = []
        self._paragraph += text
        return text

    def _cite(self, numbers: Sequence[int]) -> list[int]:
        """The markers of the passages with these numbers, for the statement that ends here."""
        known = [number for number in numbers if number <= len(self._passages)]
        if not known:
            return []
        statement = self._statement_here()
        markers = []
        for number in known:
            marker = self._marker(number, statement)
            if marker not in self._adjacent:
                self._adjacent.append(marker)
                markers.append(marker)
        return markers

    def _statement_here(self) -> Words:
        """The words of the sentence before this place, from its last marker on; of the one before, if a marker follows
        on another."""
        start = max(0, len(self._paragraph) - _PARAGRAPH_READ)
        read = self._paragraph[start:]
        sentences = sentence_spans(read, self._language)
        begins = start + sentences[-1][0] if sentences else start
        words = self._words.keys(self._paragraph[max(begins, self._marked_at) :])
        if words:
            self._statement = words
        self._marked_at = len(self._paragraph)
        return self._statement

    def _marker(self, number: int, statement: Words) -> int:
        """The marker of the place in passage `number` that stands behind the statement."""
        source = self._source(number)
        place = source.best_place(statement) if statement else source.whole(statement)
        chunk = self._passages[number - 1].chunk
        for index, known in enumerate(self._citations):
            same = (known.chunk.id, known.start, known.end) == (chunk.id, place.start, place.end)
            if same and known.supported == place.supported:
                self._citations[index] = replace(known, score=min(known.score, place.support))
                return known.marker
        quote = chunk.text[place.start - chunk.start : place.end - chunk.start]
        marker = self._first + len(self._citations)
        self._citations.append(
            Citation(marker, chunk, place.start, place.end, quote, place.support, supported=place.supported)
        )
        return marker

    def _source(self, number: int) -> PassageSentences:
        if number not in self._sources:
            self._sources[number] = PassageSentences(self._passages[number - 1].chunk, self._words, self._language)
        return self._sources[number]


def _numbers(inside: str) -> tuple[int, ...]:
    """The passages that a marker names; none if this is no marker."""
    numbers: list[int] = []
    for item in re.split("[,;]", inside):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            return ()
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 < first <= last < first + _LONGEST_RANGE:
            return ()
        numbers += range(first, last + 1)
    return tuple(numbers)


@lru_cache(maxsize=8)
def _content_words(language: str) -> ContentWords:
    return ContentWords(language)
