"""Cells of OpenDocument tables that others cover say what covers them, so that a row says all that stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree
from lxml.etree import _Element as Element

from ingestion.converters.xml_tree import attribute, children, local_name, named

# What may be added to one file, in cells.
_MOST_ADDED = 20_000


@dataclass(frozen=True, slots=True)
class _Cover:
    """A cell that covers columns from `first` to before `end` in `rows` more rows."""

    cell: Element
    first: int
    end: int
    rows: int


def write_out_spans(root: Element, *, across: bool) -> None:
    """Changes the tables: what spans rows is said in each, and what spans columns too if `across`."""
    left = _MOST_ADDED
    for table in named(root, "table"):
        covers: list[_Cover] = []
        for row in _rows(table):
            covers = [*_below(covers), *_covers(row)]
            if not covers:
                continue
            for column, cell in _cells(row):
                cover = next((one for one in covers if one.first <= column < one.end), None)
                if cover is not None and cell is not cover.cell and (across or column == cover.first) and not len(cell):
                    _say(cell, cover.cell)
                    left -= 1
                if left < 0:
                    return


def _say(cell: Element, what: Element) -> None:
    cell.extend(deepcopy(child) for child in what)
    for name, value in what.attrib.items():
        if etree.QName(name).localname.endswith(("value", "value-type")):
            cell.set(name, value)


def _below(covers: list[_Cover]) -> Iterator[_Cover]:
    return (_Cover(one.cell, one.first, one.end, one.rows - 1) for one in covers if one.rows > 0)


def _covers(row: Element) -> Iterator[_Cover]:
    cells = [*_cells(row)]
    for column, cell in cells:
        columns, rows = (_number(cell, f"number-{what}-spanned") for what in ("columns", "rows"))
        whole = columns >= len(cells) > 1  # a line over all columns is said once
        if (columns > 1 or rows > 1) and not whole and len(cell):
            yield _Cover(cell, column, column + columns, rows - 1)


def _rows(table: Element) -> Iterator[Element]:
    """The table's rows, those of its groups among them, without those of tables in its cells."""
    for child in table:
        if local_name(child) == "table-row":
            yield child
        elif local_name(child) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(child)


def _cells(row: Element) -> Iterator[tuple[int, Element]]:
    """The row's cells with the number of their first column."""
    column = 0
    for cell in children(row, "table-cell", "covered-table-cell"):
        yield column, cell
        column += _number(cell, "number-columns-repeated")


def _number(cell: Element, name: str) -> int:
    value = attribute(cell, name)
    return max(int(value), 1) if value.isdecimal() and len(value) < 8 else 1
