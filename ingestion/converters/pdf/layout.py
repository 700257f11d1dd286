"""Where a page's lines stand, in what letters, and what stands apart on one of them, by PDFium."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

# Words further apart than this share of the letters' size are not of one sentence, however it is set.
_APART = 0.9

# Lines whose heights differ by less than this share of the letters' size are one.
_LEVEL = 0.1

_WORD = re.compile(r"\S+")
# What belongs to the number on its right, and what to that on its left: in a column each has a place of its own.
_SIGNS = "$€£¥"
_BEFORE_NUMBER = re.compile(rf"[{_SIGNS}(]+")
_BEHIND_NUMBER = re.compile(r"[%)]+")

_BOLD_NAME = re.compile(r"bold|black|heavy|demi|cmbx|medi$", re.IGNORECASE)
_BOLD_WEIGHT = 600
_FORCED_BOLD = 1 << 18  # the flag of a font's descriptor, ISO 32000-1, table 123
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class LineCell:
    """Words that stand together on a line, from `left` to `right` in points."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class LaidLine:
    """A line of a page's text, `bottom` its height on the page and `size` that of its letters in points. Blank lines
    have no cells."""

    text: str
    cells: tuple[LineCell, ...] = ()
    bottom: float = 0.0
    size: float = 0.0
    bold: bool = False


def laid_lines(reading: PdfTextPage, text: str) -> list[LaidLine]:
    """The lines of a page's text, whose offsets are PDFium's places of characters."""
    glyphs = _Glyphs(reading)
    lines: list[LaidLine] = []
    at = 0
    for line in text.split("\n"):
        laid = _laid(glyphs, line.rstrip("\r"), at)
        at += len(line) + 1
        if lines and _is_beside(lines[-1], laid):
            lines[-1] = _as_one(lines[-1], laid)
        else:
            lines.append(laid)
    return lines


def _is_beside(before: LaidLine, line: LaidLine) -> bool:
    """Whether PDFium ended a line where there is none: it does so before a single digit."""
    if not before.cells or not line.cells:
        return False
    level = abs(before.bottom - line.bottom) < _LEVEL * max(before.size, line.size)
    return level and line.cells[0].left > before.cells[-1].right


def _as_one(before: LaidLine, line: LaidLine) -> LaidLine:
    cells = tuple(_joined(iter((*before.cells, *line.cells))))
    text = f"{before.text} {line.text}"
    return LaidLine(text, cells, before.bottom, max(before.size, line.size), before.bold and line.bold)


def _laid(glyphs: _Glyphs, line: str, at: int) -> LaidLine:
    words = list(_WORD.finditer(line))
    if not words:
        return LaidLine(line)
    first, last = at + words[0].start(), at + words[-1].start()
    size, bold = glyphs.style(first)
    if last != first:
        other_size, other_bold = glyphs.style(last)
        size, bold = max(size, other_size), bold and other_bold
    cells = tuple(_joined(_cells(glyphs, line, words, at, size)))
    return LaidLine(line, cells, glyphs.bottom(first), size, bold)


def _cells(glyphs: _Glyphs, line: str, words: Sequence[re.Match[str]], at: int, size: float) -> Iterator[LineCell]:
    placed = [_PlacedWord(word.start(), word.end(), *glyphs.sides(at, word)) for word in words]
    begin = 0
    for place in range(1, len(placed)):
        before, word = placed[place - 1], placed[place]
        # From right to left the next word stands before.
        if max(word.left - before.right, before.left - word.right) <= size * _APART:
            continue
        # The sign of the next number stands close behind this one.
        end = place - (place - begin > 1 and line[before.start : before.end] in _SIGNS)
        yield _cell(line, placed[begin:end])
        if end < place:
            yield _cell(line, placed[end:place])
        begin = place
    yield _cell(line, placed[begin:])


def _cell(line: str, words: Sequence[_PlacedWord]) -> LineCell:
    text = line[words[0].start : words[-1].end]
    return LineCell(text, min(word.left for word in words), max(word.right for word in words))


def _joined(cells: Iterator[LineCell]) -> list[LineCell]:
    """The cells, signs of numbers with their numbers, and bullets with what they stand before."""
    joined: list[LineCell] = []
    for cell in cells:
        last = joined[-1] if joined else None
        bullet = last is not None and len(joined) == 1 and not any(map(str.isalnum, last.text))
        opens = last is not None and (_BEFORE_NUMBER.fullmatch(last.text) or (bullet and cell.text[0].isalpha()))
        if last is not None and (opens or _BEHIND_NUMBER.fullmatch(cell.text)):
            both = (min(last.left, cell.left), max(last.right, cell.right))
            joined[-1] = LineCell(f"{last.text} {cell.text}", *both)
        else:
            joined.append(cell)
    return joined


@dataclass(frozen=True, slots=True)
class _PlacedWord:
    """`line[start:end]`, from `left` to `right` in points."""

    start: int
    end: int
    left: float
    right: float


class _Glyphs:
    """What PDFium says of single characters. Bare calls: there are thousands to a page."""

    def __init__(self, reading: PdfTextPage) -> None:
        from pypdfium2 import raw

        self._raw = raw
        self._reading = reading.raw
        self._box, self._matrix, self._flags = raw.FS_RECTF(), raw.FS_MATRIX(), ctypes.c_int()
        self._name = ctypes.create_string_buffer(_LONGEST_NAME)

    def sides(self, at: int, word: re.Match[str]) -> tuple[float, float]:
        """The left and right edge of a word of the line at `at`."""
        first = self._loose(at + word.start())
        left, right = first.left, first.right
        last = self._loose(at + word.end() - 1)
        return min(left, last.left), max(right, last.right)

    def bottom(self, place: int) -> float:
        return float(self._loose(place).bottom)

    def style(self, place: int) -> tuple[float, bool]:
        """The size of a character's letters as drawn, and whether they are bold."""
        raw, reading, matrix = self._raw, self._reading, self._matrix
        size = raw.FPDFText_GetFontSize(reading, place)
        if raw.FPDFText_GetMatrix(reading, place, matrix):
            size *= math.hypot(matrix.c, matrix.d)
        length = raw.FPDFText_GetFontInfo(reading, place, self._name, _LONGEST_NAME, self._flags)
        named = self._name.raw[: max(length - 1, 0)].decode("utf-8", "replace")
        heavy = raw.FPDFText_GetFontWeight(reading, place) >= _BOLD_WEIGHT or self._flags.value & _FORCED_BOLD
        return round(size, 1), bool(heavy or _BOLD_NAME.search(named))

    def _loose(self, place: int):  # type: ignore[no-untyped-def]
        self._raw.FPDFText_GetLooseCharBox(self._reading, place, self._box)
        return self._box
