"""Where on a page a table surely is: rows with gaps between their columns all the way down. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ingestion.converters.pdf.layout import LaidLine, LineCell

# Rows stand at most so many times the size of their letters below each other.
_ROW_PITCH = 3.2

# Lines with one cell between two rows: a label over several lines, and no paragraph.
_MOST_LABELS = 2
_LONGEST_LABEL = 90

# A cell of a column is so long on the average; one column may hold sentences. So many of the cells are filled.
_SHORT = 30
_LEAST_FILLED = 0.4

# A title's letters are so much larger than those of the table below it.
TITLE_LARGER = 1.2

_BULLET = re.compile(r"[\W_]{0,3}|[\W_]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.):\]]*")


@dataclass(frozen=True, slots=True)
class ColumnSpan:
    """From `left` to `right` in points."""

    left: float
    right: float

    def shared(self, other: LineCell | ColumnSpan) -> float:
        """How much of its width it shares with the other; below 0 how far apart they are."""
        return min(self.right, other.right) - max(self.left, other.left)

    def overlaps(self, other: LineCell | ColumnSpan) -> bool:
        return self.shared(other) > 0


@dataclass(slots=True)
class TableRegion:
    """Lines `top` to `bottom`. Of `rows`, from above, each has several cells; lines of `head` say the columns' names,
    wherever in the text they stand."""

    top: int
    bottom: int
    columns: list[ColumnSpan]
    rows: list[int]
    head: list[int] = field(default_factory=list)


def region_above(lines: Sequence[LaidLine], last: int) -> TableRegion | None:
    """The rows that end at line `last`, upwards as long as they keep to columns and no title of another table stands
    between; None where that is a single one."""
    columns = [ColumnSpan(cell.left, cell.right) for cell in lines[last].cells]
    rows, labels, above = [last], 0, lines[last]
    for place in range(last - 1, -1, -1):
        line = lines[place]
        if not line.cells:
            continue
        labels = labels + 1 if len(line.cells) == 1 else 0
        below = 0 < line.bottom - above.bottom <= _ROW_PITCH * max(line.size, above.size)
        wider = _with(columns, line) if labels == 0 else columns
        titled = labels > 0 and line.size >= above.size * TITLE_LARGER
        label = labels <= _MOST_LABELS and not (labels and len(line.text) > _LONGEST_LABEL) and not titled
        if not below or not label or wider is None:
            break
        if labels == 0:
            columns = wider
            rows.append(place)
        above = line
    region = TableRegion(rows[-1], last, columns, rows[::-1])
    return region if len(rows) > 1 else None


def _with(columns: Sequence[ColumnSpan], line: LaidLine) -> list[ColumnSpan] | None:
    """The columns wide enough for the cells of a line too, each in one of its own; None where they are not apart."""
    wider = list(columns)
    taken: set[int] = set()
    for cell in line.cells:
        under = [number for number, column in enumerate(columns) if column.overlaps(cell)]
        if len(under) > 1 or not taken.isdisjoint(under):
            return None
        taken.update(under)
        for number in under:
            wider[number] = ColumnSpan(min(cell.left, columns[number].left), max(cell.right, columns[number].right))
        if not under:
            wider.append(ColumnSpan(cell.left, cell.right))
    wider.sort(key=lambda column: column.left)
    return wider if all(one.right <= following.left for one, following in pairwise(wider)) else None


def is_sure(lines: Sequence[LaidLine], region: TableRegion) -> bool:
    """Not two columns of prose, and not a list with its bullets or numbers."""
    texts: list[list[str]] = [[] for _ in region.columns]
    for place in region.rows:
        for cell in lines[place].cells:
            texts[column_of(region.columns, cell)].append(cell.text)
    lengths = sorted(sum(map(len, column)) / max(len(column), 1) for column in texts)
    bullets = sum(map(bool, map(_BULLET.fullmatch, texts[0])))
    is_list = len(texts) == 2 and bullets * 2 > len(texts[0])
    filled = sum(map(len, texts)) / (len(texts) * len(region.rows))
    return not is_list and lengths[-2] <= _SHORT and filled >= _LEAST_FILLED


def column_of(columns: Sequence[ColumnSpan], cell: LineCell) -> int:
    """The column that a cell lies over, or the nearest."""
    return max(range(len(columns)), key=lambda number: columns[number].shared(cell))
