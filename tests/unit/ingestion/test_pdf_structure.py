"""The headings and tables of a PDF: they are known to its chunks, and no word of a page is lost over them."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import replace

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import Document, TextFormat
from ingestion.converters.checks.word_recall import whole_word_recall
from ingestion.converters.pdf.headings import headings, plain_words
from ingestion.converters.pdf.layout import LaidLine, LineCell
from ingestion.converters.pdf.structure import as_markdown, marked, without_marks
from ingestion.converters.pdf.tables import PageTable, continued, with_tables
from ingestion.splitting.blocks import BlockKind, blocks
from tests.support.conversion import Convert
from tests.support.written_pdf import Large, written_pdf

PROSE = "The north pier is open from eight to six and the harbour master is told of each boat."
SITES = [[f"Site {number:03}", str(number * 7 % 50), f"{number * 3} m"] for number in range(1, 151)]
HEAD = ["Plant name", "Fire doors", "Fence"]
PAGES = [SITES[first : first + 30] for first in range(0, 150, 30)]


def paths(document: Document) -> set[tuple[str, ...]]:
    return {block.path for block in blocks(document.text, document.format)}


def tables(text: str) -> list[list[list[str]]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] if line[:1] == "|" else [] for line in text.split("\n")
    ]
    found: list[list[list[str]]] = [[]]
    for row in rows:
        found[-1].append(row) if row else found.append([])
    return [table for table in found if table]


# -- headings


def test_a_line_in_larger_letters_heads_what_stands_below_it(convert: Convert) -> None:
    pages = [[Large("Opening hours"), PROSE, Large("Fees of the harbour"), PROSE], [PROSE]]
    document = convert("a.pdf", written_pdf(pages))

    assert document.format is TextFormat.LAID_OUT
    assert paths(document) == {("Opening hours",), ("Fees of the harbour",)}
    assert document.text.count("# Fees of the harbour\n") == 1


def test_a_bookmark_makes_a_heading_of_the_line_that_it_leads_to(convert: Convert) -> None:
    writer = pypdf.PdfWriter(io.BytesIO(written_pdf([[PROSE], ["2.1 Moorings", PROSE, "Moorings are not for sale."]])))
    writer.add_outline_item("2.1  Moorings", 1)
    buffer = io.BytesIO()
    writer.write(buffer)

    assert paths(convert("a.pdf", buffer.getvalue())) == {(), ("2.1 Moorings",)}


@pytest.mark.parametrize("line", ["(in millions)", "June 25, 2022", "$ 14.50", "and so on", "12", "Dear Sir,"])
def test_a_large_line_that_is_none_is_no_heading(convert: Convert, line: str) -> None:
    assert paths(convert("a.pdf", written_pdf([[PROSE, Large(line), PROSE, PROSE]]))) == {()}


def test_what_heads_one_page_after_the_other_heads_nothing(convert: Convert) -> None:
    pages = [[Large("Harbour Works Ltd"), f"Page {number} says: {PROSE}"] for number in "abcdefgh"]
    assert paths(convert("a.pdf", written_pdf(pages))) == {()}


def test_letters_of_the_cover_are_no_level_above_all_headings() -> None:
    def line(text: str, size: float, place: int) -> LaidLine:
        return LaidLine(text, (LineCell(text, 72, 72 + len(text) * 5),), 700.0 - 40 * place, size)

    cover = [line("Annual Report", 30, 0), line("Of The Harbour", 24, 1), line(PROSE, 10, 2)]
    inside = [line("Boats", 14, 0), line(PROSE, 10, 1), line(PROSE, 10, 2), line(PROSE, 10, 3)]
    levels = [[mark.level for mark in marks] for marks in headings([cover, inside, inside], {})]
    assert levels == [[1, 1], [1], [1]]


def test_a_line_of_a_page_that_looks_like_markup_is_none(convert: Convert) -> None:
    lines = ["# rm is not undone", "1. Go out.", "Total", "-----", "~~~", "<div>", PROSE]
    document = convert("a.pdf", written_pdf([lines]))

    assert paths(document) == {()}
    assert {block.kind for block in blocks(document.text, document.format)} == {BlockKind.PARAGRAPH}
    assert document.text.startswith("\\# rm is not undone\n1. Go out.\nTotal\n-----\n~~~\n<div>\n")


# -- tables


def test_rows_of_a_pdf_stand_under_the_names_of_their_columns(convert: Convert) -> None:
    document = convert("a.pdf", written_pdf([["The sites we keep.", HEAD, *SITES[:5], PROSE]]))

    assert tables(document.text) == [[HEAD, ["---"] * 3, *SITES[:5]]]
    assert document.text.startswith("The sites we keep.\n\n|")
    assert document.text.endswith(f"\n\n{PROSE}")


def test_a_table_goes_on_over_page_numbers_that_count_otherwise(convert: Convert) -> None:
    pages = [[HEAD, *rows] if not number else rows for number, rows in enumerate(PAGES)]
    document = convert("a.pdf", written_pdf([[*page, f"Page {number * 30}"] for number, page in enumerate(pages)]))

    assert [table[0] for table in tables(document.text)] == [HEAD] * 5


@pytest.mark.parametrize("repeated", [False, True], ids=["head on the first page", "head on each page"])
def test_a_table_over_several_pages_says_the_names_of_its_columns_on_each(convert: Convert, repeated: bool) -> None:
    pages = [[HEAD, *rows] if repeated or not number else rows for number, rows in enumerate(PAGES)]
    document = convert("a.pdf", written_pdf([[*page, f"Page {number}"] for number, page in enumerate(pages, 1)]))

    found = tables(document.text)
    assert [table[0] for table in found] == [HEAD] * 5
    assert [row for table in found for row in table[2:]] == SITES


def test_rows_without_names_have_none(convert: Convert) -> None:
    table = [["Name:", "North pier"], ["Height:", "12 m"], ["Built:", "1931"]]
    document = convert("a.pdf", written_pdf([[PROSE, *table]]))

    assert tables(document.text) == [[["", ""], ["---"] * 2, *table]]


@pytest.mark.parametrize(
    "lines",
    [
        [["1.", PROSE[:60]], ["2.", PROSE[10:70]], ["3.", PROSE[20:80]]],
        [[PROSE[:20], PROSE[20:]]],
        [[], ["Anchor", "3"], []],
    ],
    ids=["a list", "one line", "one row"],
)
def test_what_is_not_surely_a_table_stays_lines(convert: Convert, lines: list[list[str]]) -> None:
    assert "|" not in convert("a.pdf", written_pdf([[PROSE, *lines, PROSE]])).text


def _line(cells: Sequence[tuple[str, float]], bottom: float, bold: bool = False) -> LaidLine:
    placed = tuple(LineCell(text, left, left + 5 * len(text)) for text, left in cells)
    return LaidLine(" ".join(text for text, _ in cells), placed, bottom, 10, bold)


def test_names_over_several_lines_and_columns_are_said_of_each_column() -> None:
    lines = [
        _line([("Three months ended", 200)], 160),
        _line([("June 25,", 200)], 148),
        _line([("2022", 200)], 136),
        _line([("June 26,", 260)], 148),
        _line([("2021", 260)], 136),
        _line([("Net sales:", 50)], 124),
        _line([("Products", 50), ("63,355", 200), ("63,948", 260)], 112),
        _line([("Services,", 50)], 100),
        _line([("net of tax", 50), ("19,604", 200), ("17,486", 260)], 88),
    ]
    (table,) = with_tables(lines)

    assert isinstance(table, PageTable)
    assert table.names == ("", "Three months ended June 25, 2022", "Three months ended June 26, 2021")
    assert table.rows == (
        ("Net sales:", "", ""),
        ("Products", "63,355", "63,948"),
        ("Services, net of tax", "19,604", "17,486"),
    )


def test_a_cell_of_several_lines_is_one_cell() -> None:
    lines = [
        _line([("Column", 50), ("Type", 130), ("What it is", 200)], 112, bold=True),
        _line([("USER", 50), ("VARCHAR", 130), ("The name of the user that has", 200)], 92),
        _line([("a setting of their own.", 200)], 80),
        _line([("USAGE", 50), ("CHAR", 130), ("What they may do.", 200)], 60),
    ]
    (table,) = with_tables(lines)

    assert isinstance(table, PageTable)
    assert table.rows[0] == ("USER", "VARCHAR", "The name of the user that has a setting of their own.")


def test_rows_beside_no_label_are_rows_of_their_own_unless_their_words_go_on() -> None:
    lines = [
        _line([("Region", 50), ("City", 130)], 112, bold=True),
        _line([("North", 50), ("Kiel", 130)], 100),
        _line([("Lübeck", 130)], 88),
        _line([("South", 50), ("Baden-", 130)], 76),
        _line([("Baden", 130)], 64),
        _line([("West", 50), ("Bonn", 130)], 52),
    ]
    (table,) = with_tables(lines)

    assert isinstance(table, PageTable)
    assert table.rows == (("North", "Kiel"), ("", "Lübeck"), ("South", "Baden- Baden"), ("West", "Bonn"))


ITEMS = [[f"Item {number}", str(number * 11)] for number in range(1, 5)]
PAID = [["Name", "Salary"], ["Ann", "4,100"], ["Bo", "3,900"], ["Cy", "3,700"]]


@pytest.mark.parametrize(
    "pages",
    [
        [[PROSE, *PAID], ["Table 2. Stock of the warehouse by item", *ITEMS]],
        [[PROSE, *PAID, "What is in the warehouse:"], ITEMS],
        [[PROSE, *PAID, "Table 2. Stock", "by item", "and place", *ITEMS]],
        [[PROSE, *PAID, Large("Stock"), *ITEMS]],
    ],
    ids=["a caption on the next page", "a line on the first page", "a caption below", "a title below"],
)
def test_a_table_never_takes_the_names_of_another(convert: Convert, pages: list[list[str | list[str]]]) -> None:
    *_, last = tables(convert("a.pdf", written_pdf(pages)).text)

    assert last == [["", ""], ["---"] * 2, *ITEMS]


def _values(label: str, bottom: float, bold: bool = False) -> LaidLine:
    return _line([(label, 50), ("63,355", 400), ("63,948", 480)], bottom, bold)


def _dates(bottom: float) -> LaidLine:
    return _line([("June 25, 2022", 400), ("June 26, 2021", 480)], bottom, bold=True)


DATES = ("", "June 25, 2022", "June 26, 2021")


def test_labels_of_rows_are_no_part_of_the_columns_names() -> None:
    lines = [_dates(160), _line([("Assets", 50)], 148, bold=True), _line([("Current assets:", 50)], 136)]
    (table,) = with_tables([*lines, _values("iPhone", 124), _values("Inventories", 112), _values("Other", 100)])

    assert isinstance(table, PageTable)
    assert table.names == DATES
    assert table.rows[:3] == (("Assets", "", ""), ("Current assets:", "", ""), ("iPhone", "63,355", "63,948"))


def test_names_are_found_over_a_label_that_stands_between_the_columns() -> None:
    lines = [_dates(160), _line([("ASSETS:", 250)], 148, bold=True), _line([("Current assets:", 50)], 136)]
    *_, table = with_tables([*lines, _values("Cash", 124), _values("Inventories", 112), _values("Other", 100)])

    assert isinstance(table, PageTable)
    assert table.names == DATES


def test_the_page_s_title_and_header_name_no_column() -> None:
    title = replace(_line([("Balance Sheets", 50)], 180), size=18.0)
    header = _line([("Table of Contents", 480)], 195)
    _, table, _ = with_tables([title, _dates(160), _values("Cash", 148), _values("Other", 136), header])

    assert isinstance(table, PageTable)
    assert table.names == DATES


def test_a_table_that_goes_on_below_labels_of_its_rows_has_its_names_there_too() -> None:
    labels = ["Contingencies (Note 13)", "Shareholders' equity:", "Common stock and paid-in capital"]
    lines = [
        *[_dates(160), _values("Cash", 148), _values("Other", 136)],
        *[_line([(label, 50)], 124.0 - 12 * number) for number, label in enumerate(labels)],
        *[_values("issued", 88), _values("Retained earnings", 76), _values("Total", 64)],
    ]
    found = [part for part in continued([with_tables(lines)])[0] if isinstance(part, PageTable)]

    assert [table.names for table in found] == [DATES, DATES]


def test_the_title_of_a_table_ends_the_one_above_it() -> None:
    def under(title: str, names: Sequence[str], bottom: float) -> list[LaidLine]:
        lefts = [50, 150, 250]
        rows = [names, ["Rope", "48", "$ 12"], ["Anchor", "3", "$ 310"]]
        placed = [_line(list(zip(row, lefts, strict=True)), bottom - 14 - 12 * n) for n, row in enumerate(rows)]
        return [replace(_line([(title, 50)], bottom, bold=True), size=12.5), *placed]

    parts = with_tables(
        [*under("Totals", ["Month", "Shows", "Net"], 200), *under("Fees", ["Thing", "Units", "Fee"], 140)]
    )

    assert [part.names if isinstance(part, PageTable) else part.text for part in parts] == [
        "Totals",
        ("Month", "Shows", "Net"),
        "Fees",
        ("Thing", "Units", "Fee"),
    ]


def test_two_long_columns_of_prose_are_looked_through_in_no_time() -> None:
    lines = [_line([(PROSE[:50], 50), (PROSE[:52], 320)], 30_000.0 - 12 * number) for number in range(2000)]
    started = time.process_time()

    assert with_tables(lines) == lines
    assert time.process_time() - started < 5


def test_columns_that_are_read_from_the_right_begin_there() -> None:
    lines = [_line([("السنة", 300), (str(1400 + number), 100)], 120.0 - 12 * number) for number in range(4)]
    (table,) = with_tables(lines)

    assert isinstance(table, PageTable)
    assert table.rows[0] == ("السنة", "1400")


_CELLS = st.lists(
    st.tuples(
        st.sampled_from(["one", "12", "$ 3", "a|b", "two words", "(4)", "2021"]), st.sampled_from([50, 130, 210, 290])
    ),
    max_size=4,
    unique_by=lambda cell: cell[1],
)


@given(st.lists(st.tuples(_CELLS, st.booleans()), max_size=14))
def test_no_word_of_a_page_is_lost_over_its_headings_and_tables(
    rows: list[tuple[list[tuple[str, float]], bool]],
) -> None:
    lines = [
        _line(sorted(cells, key=lambda cell: cell[1]), 500.0 - 12 * n, bold) for n, (cells, bold) in enumerate(rows)
    ]
    (text,) = map(as_markdown, marked([lines], {}))

    assert whole_word_recall(text, "\n".join(line.text for line in lines)) == 1


def test_characters_of_a_font_without_letters_are_no_marks() -> None:
    assert as_markdown(without_marks("a\x1eb\x1fc\n\x1dd")) == "a b c\n d"
    assert as_markdown("\x11#\x12\x13") == "\x11\\#\x12\x13"


def test_a_bookmark_is_found_however_its_words_are_set() -> None:
    assert plain_words("2.1  Moorings") == plain_words("2.1 MOORINGS")
