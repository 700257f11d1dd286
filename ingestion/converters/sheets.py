"""Spreadsheets in markdown: lines above a table are no row of it, so that its columns have their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_RULE = re.compile(r"\|(?: ?-+ ?\|)+")
_BAR = re.compile(r"(?<!\\)\|")


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
