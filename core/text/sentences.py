"""Sentences with exact character spans, in prose and in markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sentencex

from core.text.languages import CODES, FALLBACK, read_as
from core.text.markdown_lines import FENCE_MARK, HEADING_MARK, ITEM_MARK

# A line that begins something new: blank, or a heading, list item, quote, table row or fence.
_OPENER = re.compile(rf"[ \t]*(?:$|{HEADING_MARK}[ \t]|{ITEM_MARK}[ \t]|>|\||{FENCE_MARK})")
# A line that nothing continues on the next one.
_CLOSED = re.compile(rf"[ \t]*(?:$|{HEADING_MARK}[ \t]|\||{FENCE_MARK})")
_ROW = re.compile(r"[ \t]*(\|(?:.*\S)?)")
# What a list item begins with.
_ITEM = re.compile(rf"[ \t]*{ITEM_MARK}[ \t]+(?=\S)")
# Emphasis that closes: markers before a space.
_CLOSER = re.compile(r"[*_]{1,3}(?=\s|$)")


def sentence_spans(text: str, language: str = FALLBACK) -> list[tuple[int, int]]:
    """The (start, end) of each sentence, without surrounding white space, in order and not overlapping. `auto` cuts by
    the rules of the language that the text is in.

    Headings, list items and table rows end sentences; a soft line break inside a paragraph does not.
    """
    code = CODES[read_as(text, language)]
    spans = []
    for unit_start, unit_end in _units(text):
        if row := _ROW.match(text, unit_start, unit_end):  # one statement, however many sentences its cells hold
            spans.append(row.span(1))
            continue
        spans += [(unit_start + start, unit_start + end) for start, end in _in_unit(text[unit_start:unit_end], code)]
    return spans


def _in_unit(unit: str, code: str) -> list[tuple[int, int]]:
    unwrapped = unit.replace("\n", " ")  # one character for one: offsets stay true
    marker = _ITEM.match(unwrapped)
    offset = marker.end() if marker else 0
    spans: list[tuple[int, int]] = []
    for boundary in sentencex.get_sentence_boundaries(code, unwrapped[offset:]):
        start, end = offset + boundary["start_index"], offset + boundary["end_index"]
        closer = _CLOSER.match(unwrapped, start, end) if spans else None
        if closer:  # the end of "**A bold sentence.** And so on" belongs to the sentence before
            spans[-1] = (spans[-1][0], closer.end())
            start = closer.end()
        piece = unwrapped[start:end]
        start += len(piece) - len(piece.lstrip())
        end -= len(piece) - len(piece.rstrip())
        if start < end:
            spans.append((start, end))
    if marker and spans:  # "1." is no sentence of its own
        spans[0] = (len(unit) - len(unit.lstrip()), spans[0][1])
    return spans


def _units(text: str) -> Iterator[tuple[int, int]]:
    """Stretches of lines that belong together: a paragraph, a list item, a heading, a table row."""
    start = position = 0
    closed = True
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        if closed or _OPENER.match(bare):
            if position > start:
                yield start, position
            start = position
        closed = bool(_CLOSED.match(bare))
        position += len(line)
    if position > start:
        yield start, position
