"""The tables of a page: what is in their rows, and what their columns are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingestion.converters.checks.word_recall import whole_word_recall
from ingestion.converters.pdf.layout import LaidLine, LineCell
from ingestion.converters.pdf.running_lines import repeated
from ingestion.converters.pdf.table_region import (
    TITLE_LARGER,
    ColumnSpan,
    TableRegion,
    column_of,
    is_sure,
    region_above,
)

# The names of columns stand at most so many times the size of their letters above the rows and each other, and so high
# in all; the lines of one cell stand closer.
_HEAD_PITCH = 2.4
_HEAD_HEIGHT = 7.0
_LINE_PITCH = 1.6

# Two columns need so many rows, the head counted; more columns make a table of two.
_FEWEST_ROWS = 3

# So many labels of rows may stand within a table that goes on below them.
_MOST_LABELS = 4
_CAPTION = re.compile(
    r"\s*(?:table|tabelle|tab\.|figure|fig\.|tableau|tabla|exhibit|schedule|[\dIVX]+[.:)])", re.IGNORECASE
)
# What stands for a table among the lines of a page.
_TABLE = "|"

# An amount, with its unit or without, or a dash for none; "30 June 2022" and "2022" are names of columns.
_VALUE = re.compile(r"(?!.*(?<!\d)(?:19|20)\d\d(?!\d))[$€£¥(+\-–—\s]*\d.*|[–—-]|n/?a", re.IGNORECASE)
# "(in millions)" is said of the table, and "Region:" names what stands beside it.
_ASIDE = re.compile(r"\(.*\)")
_FROM_THE_RIGHT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufefc]")


@dataclass(frozen=True, slots=True)
class PageTable:
    """Rows of cells, as many in each as there are columns, and the columns' names; none where no line tells them."""

    columns: tuple[ColumnSpan, ...]
    rows: tuple[tuple[str, ...], ...]
    names: tuple[str, ...] = ()
    size: float = 0.0


PagePart = LaidLine | PageTable


def with_tables(lines: Sequence[LaidLine]) -> list[PagePart]:
    """The lines in order, those of a table as one."""
    placed = _mirrored(lines) if _is_from_the_right(lines) else lines
    tables: dict[int, PageTable] = {}
    taken: set[int] = set()
    last = len(lines) - 1
    while last >= 0:
        region = region_above(placed, last) if len(placed[last].cells) > 1 and last not in taken else None
        table = _table(placed, region, taken) if region is not None and is_sure(placed, region) else None
        if region is None:
            last -= 1
        elif table is None:
            # Half of it may be one. Line by line would take very long over two columns of prose.
            last = region.rows[(len(region.rows) - 1) // 2]
        else:
            tables[region.top] = table
            taken.update(range(region.top, region.bottom + 1), region.head)
            last = region.top - 1
    return [tables.get(place, line) for place, line in enumerate(lines) if place in tables or place not in taken]


def continued(pages: Sequence[Sequence[PagePart]]) -> list[list[PagePart]]:
    """The pages, a table that goes on below labels of its rows, or from the page before, with its columns' names."""
    texts = [[part.text if isinstance(part, LaidLine) else _TABLE for part in page] for page in pages]
    following: list[list[PagePart]] = []
    above: PageTable | None = None
    for page, running in zip(pages, repeated(texts), strict=True):
        parts: list[PagePart] = []
        between: list[LaidLine] = []  # on this page
        begun = False
        for place, part in enumerate(page):
            if isinstance(part, PageTable):
                if above is not None and _goes_on(above, part) and all(_is_row_label(line, above) for line in between):
                    part = replace(part, names=above.names)
                above, between, begun = part, [], True
            elif part.cells and place not in running:
                between.append(part)
                if not begun or len(between) > _MOST_LABELS:
                    above = None
            parts.append(part)
        if between:
            above = None
        following.append(parts)
    return following


def _goes_on(above: PageTable, table: PageTable) -> bool:
    same = len(above.columns) == len(table.columns)
    return same and not table.names and all(map(ColumnSpan.overlaps, above.columns, table.columns))


def _is_row_label(line: LaidLine, above: PageTable) -> bool:
    """Whether it may be said of rows below it, which go on with the table above; the title of another may not."""
    beside = len(line.cells) == 1 and line.cells[0].right <= above.columns[1].left
    return beside and line.size < above.size * TITLE_LARGER and not _CAPTION.match(line.text)


def _is_from_the_right(lines: Sequence[LaidLine]) -> bool:
    text = "".join(line.text for line in lines)
    return len(_FROM_THE_RIGHT.findall(text)) * 2 > sum(map(str.isalpha, text))


def _mirrored(lines: Sequence[LaidLine]) -> list[LaidLine]:
    """The lines as a mirror shows them: the first column is then on the left."""
    return [
        replace(line, cells=tuple(LineCell(cell.text, -cell.right, -cell.left) for cell in line.cells))
        for line in lines
    ]


def _table(lines: Sequence[LaidLine], region: TableRegion, taken: set[int]) -> PageTable | None:
    """The table of a region, with the lines above it that say its columns' names. None where it would lack a word of
    those lines, or where so few rows make none."""
    _crown(lines, region, taken)
    head = [lines[place] for place in region.head]
    places = (place for place in range(region.top, region.bottom + 1) if place not in region.head)
    body = [lines[place] for place in places if lines[place].cells]
    filled = {column_of(region.columns, cell) for line in body if len(line.cells) > 1 for cell in line.cells}
    columns = tuple(column for number, column in enumerate(region.columns) if number in filled)
    fewest = _FEWEST_ROWS if len(columns) == 2 or not head else _FEWEST_ROWS - 1
    if len(columns) < 2 or len(body) + bool(head) < fewest:
        return None
    names = _names(head, columns)
    rows = _rows(body, columns, named=bool(names))
    told = " ".join(cell for row in (names, *rows) for cell in row)
    whole = whole_word_recall(told, " ".join(line.text for line in (*head, *body))) == 1
    size = max(line.size for line in body)
    return PageTable(columns, tuple(map(tuple, rows)), names, size) if whole else None


# -- the head


def _crown(lines: Sequence[LaidLine], region: TableRegion, taken: set[int]) -> None:
    """Find the lines that name the columns: those at the top of the region that have names and not values, by their
    numbers or letters, and those that stand right above it."""
    body = [lines[place] for place in region.rows[1:]]
    numeric = sum(map(_has_values, body)) * 2 >= len(body)
    plain = sum(line.bold for line in body) * 2 < len(body)

    def names_columns(line: LaidLine) -> bool:
        tells = (numeric or (plain and line.bold)) and not _has_values(line)
        return tells and not line.cells[0].text.endswith(":") and not _ASIDE.fullmatch(line.text.strip())

    body_top = next((place for place in region.rows[:-1] if not names_columns(lines[place])), region.rows[-1])
    head_end = max((place for place in region.rows if place < body_top), default=region.top)
    region.head = [
        place
        for place in range(region.top, body_top)
        if lines[place].cells and (place <= head_end or _names_a_value(lines[place], region))
    ]
    passed = _lines_above(lines, region, taken)
    over = [place for place in passed if _names_a_value(lines[place], region)]
    region.head += [place for place in over if names_columns(lines[place])]
    # Between the names and the first row may stand a label of rows.
    start = min(region.head, default=region.top)
    if passed.issuperset(place for place in range(start, region.top) if lines[place].cells):
        region.top = min(start, region.top)


def _names_a_value(line: LaidLine, region: TableRegion) -> bool:
    """Whether it stands over another column than the first, where a label of rows does."""
    return any(column.overlaps(cell) for column in region.columns[1:] for cell in line.cells)


def _lines_above(lines: Sequence[LaidLine], region: TableRegion, taken: set[int]) -> set[int]:
    """The lines right above a region that stand over its columns, but none over the first and others at once."""
    passed: set[int] = set()
    first = highest = lines[region.top]
    left, right = region.columns[0].left, region.columns[-1].right
    free = [place for place, line in enumerate(lines) if line.cells and line.bottom > first.bottom]
    for place in sorted(set(free).difference(taken), key=lambda place: lines[place].bottom):
        line = lines[place]
        if line.bottom - first.bottom > _HEAD_HEIGHT * first.size:
            break
        over = [[column.overlaps(cell) for column in region.columns] for cell in line.cells]
        if line.cells[-1].right < left or line.cells[0].left > right:
            continue  # beside the table
        near = line.bottom - highest.bottom <= _HEAD_PITCH * max(line.size, highest.size)
        title = line.size >= first.size * TITLE_LARGER
        if not near or title or _has_values(line) or any(flags[0] and any(flags[1:]) for flags in over):
            break
        highest = line
        passed.add(place)
    return passed


def _names(head: Sequence[LaidLine], columns: Sequence[ColumnSpan]) -> tuple[str, ...]:
    """The columns' names: what stands over several is said of each that nothing else on its line stands over."""
    if not head:
        return ()
    names: list[list[str]] = [[] for _ in columns]
    for line in sorted(head, key=lambda line: -line.bottom):
        told: set[LineCell] = set()
        for number, column in enumerate(columns):
            cell = max(line.cells, key=column.shared)
            if column.overlaps(cell):
                names[number].append(cell.text)
                told.add(cell)
        for cell in line.cells:
            if cell not in told:
                names[column_of(columns, cell)].append(cell.text)
    return tuple(" ".join(name) for name in names)


def _has_values(line: LaidLine) -> bool:
    return any(map(_is_value, line.cells))


def _is_value(cell: LineCell) -> bool:
    return _VALUE.fullmatch(cell.text) is not None


# -- the rows


def _rows(lines: Sequence[LaidLine], columns: Sequence[ColumnSpan], *, named: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    above: LaidLine | None = None
    for line in lines:
        row = [""] * len(columns)
        for cell in line.cells:
            number = 0 if _is_label(line, columns) else column_of(columns, cell)
            row[number] = f"{row[number]} {cell.text}".strip()
        close = above is not None and above.bottom - line.bottom <= _LINE_PITCH * max(line.size, above.size)
        joins = above is not None and close and above.bold == line.bold and (named or len(line.cells) == 1)
        if joins and _continues(rows[-1], row, line):
            rows[-1] = [f"{before} {more}".strip() for before, more in zip(rows[-1], row, strict=True)]
        else:
            rows.append(row)
        above = line
    return rows


def _is_label(line: LaidLine, columns: Sequence[ColumnSpan]) -> bool:
    """Whether it stands alone and in no column: over rows."""
    cell, edge = line.cells[0], line.size
    inside = any(column.left - edge < cell.left and cell.right < column.right + edge for column in columns)
    return len(line.cells) == 1 and not inside


def _continues(before: Sequence[str], row: Sequence[str], line: LaidLine) -> bool:
    """Whether a line goes on with the cells of the row before: with its label, or with what stands beside that, where
    the words go on. A new word beside no label is a row that has the label of the one above."""
    if row[0]:
        return row[0][0].islower() and before[0][-1:] != ":" and (not any(before[1:]) or not any(row[1:]))
    goes_on = all(had[-1:] == "-" or (had and more[0].islower()) for had, more in zip(before, row, strict=True) if more)
    return goes_on and not any(map(_is_value, line.cells))
