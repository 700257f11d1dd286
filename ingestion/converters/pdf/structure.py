"""The headings and tables of a PDF's pages, marked in their text. Pure.

While a page's text is compared, mended and freed of running lines, a table is one line of it: nothing may come between
its rows. `as_markdown` makes the marks readable at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ingestion.converters.pdf.headings import HeadingLines, headings
from ingestion.converters.pdf.layout import LaidLine
from ingestion.converters.pdf.tables import PagePart, PageTable, continued, with_tables

# The separators of ASCII, white space to all that counts words.
_HEADING, _ROW, _CELL = "\x1d", "\x1e", "\x1f"
_MARKS = str.maketrans(dict.fromkeys((_HEADING, _ROW, _CELL), " "))

# Control characters are taken out later.
_LIKE_HEADING = re.compile(r"[\x00-\x20\x7f]*#{1,6}(?:[\x00-\x20\x7f]|$)")


def marked(pages: Sequence[Sequence[LaidLine]], bookmarks: Mapping[int, frozenset[str]]) -> list[str]:
    """Each page's text with its headings and tables marked. `bookmarks` are as in headings()."""
    parts = continued([with_tables(page) for page in pages])
    texts = [[part if isinstance(part, LaidLine) else LaidLine("") for part in page] for page in parts]
    found = headings(texts, bookmarks)
    return ["\n".join(_marked(page, marks)) for page, marks in zip(parts, found, strict=True)]


def _marked(parts: Sequence[PagePart], marks: Sequence[HeadingLines]) -> Iterator[str]:
    starts = {mark.first: mark for mark in marks}
    inside = {place for mark in marks for place in range(mark.first + 1, mark.last + 1)}
    for place, part in enumerate(parts):
        if isinstance(part, PageTable):
            names = part.names or ("",) * len(part.columns)
            yield _ROW.join(_CELL.join(row) for row in (names, *part.rows))
        elif mark := starts.get(place):
            words = " ".join(line.text for line in parts[place : mark.last + 1] if isinstance(line, LaidLine))
            yield _HEADING * mark.level + " ".join(words.split())
        elif place not in inside:
            yield part.text


def without_marks(text: str) -> str:
    """The text with what would be taken for a mark as spaces: some fonts without letters have such characters."""
    return text.translate(_MARKS)


def as_markdown(page: str) -> str:
    """A page's text with its marks as markdown has them. What only looks like a heading is kept from being one."""
    return "\n".join(map(_line, page.split("\n")))


def _line(line: str) -> str:
    if _ROW in line:
        head, *rows = [row.split(_CELL) for row in line.split(_ROW)]
        # Blank lines around: the line behind would be a row.
        return "\n".join(["", _row(head), _row(["---"] * len(head)), *map(_row, rows), ""])
    words = line.lstrip(_HEADING)
    if words != line:
        return f"\n{'#' * (len(line) - len(words))} {words}\n"
    return line.replace("#", "\\#", 1) if _LIKE_HEADING.match(line) else line


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.strip().replace("|", "\\|") for cell in cells) + " |"
