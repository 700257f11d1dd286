"""What of a passage belongs together: a section under its heading, a list with the line that announces it, a table's
row with its column names. Pure.

A passage is a stretch of a document, so whatever it is made of may be cut off at either end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from core.text.markdown_lines import is_fence, is_heading, is_item

_TEXTS_KEPT = 2000
_ROW = re.compile(r"[ \t]*\|")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_BAR = re.compile(r"(?<!\\)\|")

# Between the columns' names where they stand as the last heading over rows that are cut off from their table's head.
COLUMN_SEPARATOR = " | "


class LineKind(StrEnum):
    """What a line is part of."""

    BLANK = "blank"
    HEADING = "heading"
    ITEM = "item"
    ROW = "row"
    PROSE = "prose"


@dataclass(frozen=True, slots=True)
class TextLine:
    """`text[start:end]`, without its line end."""

    start: int
    end: int
    kind: LineKind


@lru_cache(maxsize=_TEXTS_KEPT)
def text_lines(text: str) -> tuple[TextLine, ...]:
    """The lines of a text. Code is prose, and so is what looks like a heading in it."""
    found: list[TextLine] = []
    at, in_code = 0, False
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        last = found[-1].kind if found else LineKind.BLANK
        kind = LineKind.PROSE if in_code else _kind(bare, last)
        in_code ^= is_fence(bare)
        found.append(TextLine(at, at + len(bare), kind))
        at += len(line)
    return tuple(found)


def section(text: str, at: int) -> tuple[int, int]:
    """The stretch between two headings around `at`, the heading above it included."""
    lines = text_lines(text)
    here = _line(lines, at)
    first = here
    while first > 0 and lines[first].kind is not LineKind.HEADING:
        first -= 1
    last = here
    while last + 1 < len(lines) and lines[last + 1].kind is not LineKind.HEADING:
        last += 1
    return lines[first].start, lines[last].end


def body(text: str, at: int) -> tuple[int, int]:
    """The same stretch without its heading and the space around it; empty at `at` if nothing is left."""
    start, end = section(text, at)
    line = next(line for line in text_lines(text) if line.start == start)
    return _stripped(text, line.end if line.kind is LineKind.HEADING else start, end)


def list_around(text: str, at: int) -> tuple[int, int] | None:
    """The list around `at`, from its first item to its last; None where there is none. Blank lines between items do not
    end it."""
    lines = text_lines(text)
    if lines[_line(lines, at)].kind is not LineKind.ITEM:
        return None
    return _run(text, at, lambda kind: kind in (LineKind.ITEM, LineKind.BLANK))


def row_around(text: str, at: int) -> tuple[int, int] | None:
    """The table row at `at`; None where there is none."""
    lines = text_lines(text)
    line = lines[_line(lines, at)]
    return (line.start, line.end) if line.kind is LineKind.ROW else None


def is_table_head(text: str, at: int) -> bool:
    """Whether the row at `at` has the names of its table's columns."""
    lines = text_lines(text)
    here = _line(lines, at)
    return lines[here].kind is LineKind.ROW and _is_head(text, lines, here)


def column_names(text: str, at: int, headings: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of the columns of the table row at `at`; empty where they are not known. Where the text begins within a
    table, they are those that the last of its `headings` names, if it names one for each cell."""
    lines = text_lines(text)
    here = first = _line(lines, at)
    while first > 0 and lines[first - 1].kind is LineKind.ROW:
        first -= 1
    if _is_head(text, lines, first):
        return cells(text[lines[first].start : lines[first].end]) if here - first >= 2 else ()
    names = tuple(headings[-1].split(COLUMN_SEPARATOR)) if headings else ()
    row = cells(text[lines[here].start : lines[here].end])
    return names if first == 0 and len(names) == len(row) > 1 else ()


def cells(row: str) -> tuple[str, ...]:
    """The cells of a table's row, the empty ones too."""
    inner = row.strip().removeprefix("|")
    inner = inner.removesuffix("|") if not inner.endswith("\\|") else inner
    return tuple(cell.strip() for cell in _BAR.split(inner))


def as_record(row: str, columns: Sequence[str]) -> str:
    """A table's row in words: each cell behind its column's name where these are known. Empty cells are left out."""
    found = cells(row)
    if len(columns) != len(found):
        return ": ".join(cell for cell in found if cell)
    named = zip(columns, found, strict=True)
    return "; ".join(f"{column}: {cell}" if column else cell for column, cell in named if cell)


def _is_head(text: str, lines: Sequence[TextLine], here: int) -> bool:
    below = here + 1
    return below < len(lines) and _DELIMITER.fullmatch(text, lines[below].start, lines[below].end) is not None


def _kind(line: str, last: LineKind) -> LineKind:
    if not line.strip():
        return LineKind.BLANK
    if is_heading(line):
        return LineKind.HEADING
    if is_item(line) or (last is LineKind.ITEM and not _ROW.match(line)):
        return LineKind.ITEM  # a line below an item goes on with it
    return LineKind.ROW if _ROW.match(line) else LineKind.PROSE


def _line(lines: Sequence[TextLine], at: int) -> int:
    """The number of the line that holds the character at `at`."""
    return max(number for number, line in enumerate(lines) if number == 0 or line.start <= at)


def _run(text: str, at: int, belongs: Callable[[LineKind], bool]) -> tuple[int, int]:
    lines = text_lines(text)
    first = last = _line(lines, at)
    while first > 0 and belongs(lines[first - 1].kind):
        first -= 1
    while last + 1 < len(lines) and belongs(lines[last + 1].kind):
        last += 1
    return _stripped(text, lines[first].start, lines[last].end)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch without the white space around it; empty at `start` if nothing is left."""
    piece = text[start:end]
    if not piece.strip():
        return start, start
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
