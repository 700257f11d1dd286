"""Cells of OpenDocument tables that others cover say what covers them, so that a row says all that stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

from lxml import etree
from lxml.etree import _Element as Element

from ingestion.converters.xml_tree import attribute, children, local_name, named

# What may be added to one file, in cells.
_MOST_ADDED = 20_000


@dataclass(frozen=True, slots=True)
class _Cover:
    """A cell that covers a column, in `rows` more rows. `first` is where it begins."""

    cell: Element
    first: int
    rows: int


def write_out_spans(root: Element, *, across: bool) -> None:
    """Changes the tables: what spans rows is said in each, and what spans columns too if `across`."""
    left = _MOST_ADDED
    for table in named(root, "table"):
        covers: dict[int, _Cover] = {}
        for row in _rows(table):
            cells = [*_cells(row)]
            covers = {column: replace(one, rows=one.rows - 1) for column, one in covers.items() if one.rows > 0}
            covers.update(_covers(cells))
            for column, cell in cells if covers else ():
                cover = covers.get(column)
                if cover is None or cell is cover.cell or len(cell) or not (across or column == cover.first):
                    continue
                _say(cell, cover.cell)
                left -= 1
                if left < 0:
                    return


def _covers(cells: list[tuple[int, Element]]) -> Iterator[tuple[int, _Cover]]:
    """For each column that a cell of the row covers here or below: what does."""
    for column, cell in cells:
        columns, rows = (_number(cell, f"number-{what}-spanned") for what in ("columns", "rows"))
        whole = columns >= len(cells) > 1  # a line over all columns is said once
        if (columns > 1 or rows > 1) and not whole and len(cell):
            yield from ((place, _Cover(cell, column, rows - 1)) for place in range(column, column + columns))


def _say(cell: Element, what: Element) -> None:
    cell.extend(deepcopy(child) for child in what)
    for name, value in what.attrib.items():
        if etree.QName(name).localname.endswith(("value", "value-type")):
            cell.set(name, value)


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
