"""Cells of HTML tables that span rows or columns, written out: a row of a table says all that stands beside it."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree
from lxml.etree import _Element as Element

_SPAN = re.compile(r"<t[dh]\b[^>]*\b(?:row|col)span\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,5}")
_GROUPS = ("thead", "tbody", "tfoot")

# HTML's own limit of columns; and how much may be added to one page, which a hostile one would like to be much: in
# characters, with so many for each element.
_MOST_COLUMNS = 1000
_MOST_ADDED = 1_000_000
_ELEMENT_COST = 25


def with_spans_written_out(html: str) -> str:
    """The page with every cell that spans rows or columns repeated in each of them."""
    if not _SPAN.search(html):
        return html
    page = etree.fromstring(html.encode(), etree.HTMLParser(encoding="utf-8", huge_tree=True))
    if page is None:
        return html
    room = _Room(_MOST_ADDED)
    # The inner tables first: what is copied of them is written out already.
    for table in reversed([*page.iter("table")]):
        _write_out(table, room)
    return str(etree.tostring(page, encoding="unicode", method="html"))


@dataclass(slots=True)
class _Room:
    """What may still be added to a page."""

    left: int

    def copy(self, cell: Element) -> Element:
        """The cell once more; an empty one where there is no room."""
        self.left -= sum(map(len, cell.itertext())) + sum(1 for _ in cell.iter()) * _ELEMENT_COST
        if self.left < 0:
            return etree.Element(cell.tag)
        copy = deepcopy(cell)
        copy.tail = None
        for name in ("colspan", "rowspan", "id"):
            copy.attrib.pop(name, None)
        return copy


@dataclass(frozen=True, slots=True)
class _Spanning:
    """A cell that goes on in the rows below."""

    cell: Element
    rows: int


def _write_out(table: Element, room: _Room) -> None:
    groups = [[*group.iterchildren("tr")] for group in (*table.iterchildren(*_GROUPS), table)]
    width = max((sum(_span(cell, "colspan") for cell in _cells(row)) for rows in groups for row in rows), default=0)
    if width > _MOST_COLUMNS:
        return
    for rows in groups:
        reaching: dict[int, _Spanning] = {}
        for number, row in enumerate(rows):
            if room.left < 0:
                return
            reaching = _write_row(row, reaching, len(rows) - number, width, room)


def _write_row(
    row: Element, above: dict[int, _Spanning], rows_left: int, width: int, room: _Room
) -> dict[int, _Spanning]:
    """Fill in what reaches into the row from above and beside; what reaches into the next one, by its column."""
    below: dict[int, _Spanning] = {}
    waiting = _cells(row)
    column, last = 0, max(above, default=-1)
    while waiting or column <= last:
        if column in above:
            rows, written = above[column].rows, [room.copy(above[column].cell)]
            waiting[0].addprevious(written[0]) if waiting else row.append(written[0])
        elif waiting:
            cell = waiting.pop(0)
            rows = min(_span(cell, "rowspan") or rows_left, rows_left)
            written = [cell, *_beside(cell, width, room)]
        else:
            rows, written = 1, [etree.SubElement(row, "td")]
        if rows > 1:
            below.update((column + offset, _Spanning(cell, rows - 1)) for offset, cell in enumerate(written))
        column += len(written)
    return below


def _beside(cell: Element, width: int, room: _Room) -> list[Element]:
    """The further columns of a cell, put behind it. A line over the whole width is a caption: it is said once."""
    columns = _span(cell, "colspan")
    caption = columns >= width > 1
    further = [etree.Element(cell.tag) if caption else room.copy(cell) for _ in range(columns - 1)]
    for one in reversed(further):
        cell.addnext(one)
    for name in ("colspan", "rowspan"):
        cell.attrib.pop(name, None)
    return further


def _cells(row: Element) -> list[Element]:
    return [*row.iterchildren("td", "th")]


def _span(cell: Element, name: str) -> int:
    match = _NUMBER.search(cell.get(name, ""))
    return max(int(match.group()) if match else 1, int(name == "colspan"))
