"""Comma and tab separated values as one markdown table, so that each of its rows is found under the columns' names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.types import TextFormat
from ingestion.clean_text import canonical, tidy
from ingestion.converters.content import Content, RawFile
from ingestion.converters.texts.decoder import decode
from ingestion.converters.titles import name_title

# What separates columns in files that are named .csv, by how common it is.
_SEPARATORS = ",;\t|"

# Lines by which the separator is told.
_FIRST_LINES = 20

# The longest cell; the csv module's own limit is an error that no one could act on.
_LONGEST_CELL = 1_000_000

# Columns that a table's first row is filled up to.
_WIDEST = 1_000


@dataclass(frozen=True, slots=True)
class SeparatedValuesReader:
    """The first row names the columns. `separator` is told from the text where none is given."""

    separator: str = ""

    def read(self, file: RawFile) -> Content:
        decoded = decode(file.data)
        text = canonical(decoded.text)
        usual = csv.field_size_limit(_LONGEST_CELL)
        try:
            rows = list(csv.reader(text.splitlines(keepends=True), delimiter=self.separator or _separator(text)))
        finally:
            csv.field_size_limit(usual)  # which holds for the whole process
        table = markdown_table(row for row in rows if any(cell.strip() for cell in row))
        return Content(tidy(table), name_title(file.name), TextFormat.MARKDOWN, "text/csv", missing=decoded.doubt)


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Rows, the first of which names the columns, as a markdown table. The first is filled up to the widest's cells."""
    lines = [[_cell(cell) for cell in row] for row in rows]
    if not lines:
        return ""
    width = min(max(map(len, lines)), _WIDEST)
    lines[0] += [""] * (width - len(lines[0]))
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")


def _separator(text: str) -> str:
    """That which cuts the first lines most often and into equally many cells."""
    lines = [line for line in text.split("\n", _FIRST_LINES)[:_FIRST_LINES] if line.strip()]

    def fit(separator: str) -> tuple[int, int]:
        cells = [len(row) for row in csv.reader(lines, delimiter=separator)]
        commonest = max(set(cells), key=cells.count, default=1)
        return (cells.count(commonest) if commonest > 1 else 0, commonest)

    return max(_SEPARATORS, key=fit)
