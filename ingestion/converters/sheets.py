"""Spreadsheets as tables: a row says what spans it, and lines above a table are no row of it. Pure."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from copy import deepcopy

from lxml import etree
from lxml.etree import _Element as Element

from ingestion.converters.xml_tree import attribute, children, like, named, parsed
from ingestion.converters.zip_parts import part, with_parts

_SHEET = re.compile(r"xl/worksheets/sheet\d+\.xml")
_SPAN = re.compile(r"([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})")
_UNREAD = ("xl/media/",)

# What may be added to a sheet, in cells.
_MOST_ADDED = 20_000

_RULE = re.compile(r"\|(?: ?-+ ?\|)+")
_BAR = re.compile(r"(?<!\\)\|")


def prepared(data: bytes) -> bytes:
    """The xlsx file with what spans rows in each of them. Across columns forms are drawn, of which nothing is repeated.

    Raises ConversionError (damaged).
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheets = (name for name in archive.namelist() if _SHEET.fullmatch(name))
        changed = {name: mended for name in sheets if (mended := _with_spans(part(archive, name)))}
        return with_parts(archive, changed, without=_UNREAD) if changed else data


def _with_spans(sheet: bytes) -> bytes:
    """The sheet with the cells below one that spans rows as that one; empty where none does."""
    if b"mergeCell " not in sheet:
        return b""
    root = parsed(sheet)
    rows = {attribute(row, "r"): row for row in named(root, "row")}
    cells = {attribute(cell, "r"): cell for row in rows.values() for cell in children(row, "c")}
    changed = set()
    left = _MOST_ADDED
    for span in named(root, "mergeCell"):
        match = _SPAN.fullmatch(attribute(span, "ref"))
        first = cells.get(match[1] + match[2]) if match else None
        if match is None or first is None or not len(first):
            continue
        for number in range(int(match[2]) + 1, min(int(match[3]), int(match[2]) + left) + 1):
            left -= 1
            place, row = f"{match[1]}{number}", rows.get(str(number))
            if row is not None and not len(cells.get(place, ())):
                cells[place] = _repeated(first, place, cells.get(place), row)
                changed.add(row)
    for row in changed:
        row[:] = sorted(row, key=lambda cell: (len(attribute(cell, "r")), attribute(cell, "r")))
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _repeated(first: Element, place: str, cell: Element | None, row: Element) -> Element:
    """The row's cell at `place`, empty or not there, with what `first` says: its style makes a number a date."""
    if cell is None:
        cell = etree.SubElement(row, like(row, "c"), r=place)
    for name in ("s", "t"):
        if value := first.get(name):
            cell.set(name, value)
    cell.extend(deepcopy(value) for value in children(first, "v", "is"))
    return cell


def titles_above(markdown: str) -> str:
    """Rows with only their first cell, above rows with more, as lines before the table: its head is the row below."""
    lines = markdown.split("\n")
    return "\n".join(line for table in _tables(lines) for line in _mended(table))


def _tables(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """The lines, those of a table together; each of the others is alone."""
    at = 0
    while at < len(lines):
        end = at + 1
        if _RULE.fullmatch("".join(lines[at + 1 : at + 2])):
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
        yield lines[at:end]
        at = end


def _mended(table: Sequence[str]) -> Iterator[str]:
    if len(table) < 3:
        yield from table
        return
    head, rule, *rows = table
    rows = [head, *rows]
    filled = [[(place, cell.strip()) for place, cell in enumerate(_BAR.split(row)) if cell.strip()] for row in rows]
    edge = min((place for cells in filled for place, _ in cells), default=0)
    titles = next((number for number, cells in enumerate(filled) if len(cells) > 1), 0)
    if any(place > edge for cells in filled[:titles] for place, _ in cells):
        titles = 0  # a name of one of the columns
    yield from (line for cells in filled[:titles] for _, cell in cells for line in (cell, ""))
    yield from (rows[titles], rule, *rows[titles + 1 :])
