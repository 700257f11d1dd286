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
    left = _MOST_ADDED
    for span in named(root, "mergeCell"):
        match = _SPAN.fullmatch(attribute(span, "ref"))
        first = _cell(rows.get(match[2]), match[1]) if match else None
        if match is None or first is None or not len(first):
            continue
        for number in range(int(match[2]) + 1, min(int(match[3]), int(match[2]) + left) + 1):
            _say(rows.get(str(number)), f"{match[1]}{number}", first)
            left -= 1
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _cell(row: Element | None, column: str) -> Element | None:
    place = "" if row is None else f"{column}{attribute(row, 'r')}"
    return None if row is None else next((cell for cell in children(row, "c") if attribute(cell, "r") == place), None)


def _say(row: Element | None, place: str, first: Element) -> None:
    """The row's cell at `place` with what `first` says, unless it says something."""
    if row is None:
        return
    cells = [(attribute(cell, "r"), cell) for cell in children(row, "c")]
    cell = next((cell for name, cell in cells if name == place), None)
    if cell is None:
        cell = row.makeelement(like(row, "c"), r=place)
        before = sum(1 for name, _ in cells if (len(name), name) < (len(place), place))
        row.insert(before, cell)
    if not len(cell):
        cell.set("t", first.get("t", "n"))
        cell.extend(deepcopy(value) for value in children(first, "v", "is"))


def titles_above(markdown: str) -> str:
    """Rows with one cell, above rows with more, as lines before the table, whose first row is then its head."""
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
    filled = [[cell.strip() for cell in _BAR.split(row)[1:-1] if cell.strip()] for row in rows]
    titles = next((number for number, cells in enumerate(filled) if len(cells) > 1), 0)
    yield from (line for cells in filled[:titles] for cell in cells for line in (cell, ""))
    yield from (rows[titles], rule, *rows[titles + 1 :])
