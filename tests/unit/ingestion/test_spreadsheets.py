"""What of a spreadsheet is read: tables whose columns have their names and whose rows say all that stands beside them."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date
from time import process_time

import pytest
import xlsxwriter

from ingestion.converters.sheets import prepared, titles_above
from tests.support.conversion import Convert

NAMES = "urn:oasis:names:tc:opendocument:xmlns"
MANIFEST = f"""<manifest:manifest xmlns:manifest="{NAMES}:manifest:1.0">
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""
ODS = f"""<office:document-content xmlns:office="{NAMES}:office:1.0" xmlns:table="{NAMES}:table:1.0" xmlns:text="{NAMES}:text:1.0"><office:body>
<office:spreadsheet><table:table table:name="Fees">{{rows}}</table:table></office:spreadsheet></office:body>
</office:document-content>"""


def fees(ref: str = "", cut: str = "") -> bytes:
    """A sheet in which South spans two rows; or `ref` those it says. `cut` is a pattern of the sheet's XML to leave out."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet("Fees")
        for number, row in enumerate(
            (["Zone", "Boat", "Euros"], ["", "small", 14], ["", "large", 20], ["North", "any", 9])
        ):
            sheet.write_row(number, 0, row)
        sheet.merge_range("A2:A3", "South")
        sheet.merge_range("A5:C5", "Paid in advance")
    return changed(changed(buffer.getvalue(), cut, ""), "A2:A3", ref or "A2:A3")


def changed(data: bytes, pattern: str, replacement: str) -> bytes:
    """The xlsx file with what the pattern finds in its sheet exchanged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = re.sub(pattern, replacement, content.decode()).encode()
            copy.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("cut", ["", r'<c r="A3"[^>]*/>'])
def test_a_cell_that_spans_rows_is_said_in_each_of_them(convert: Convert, cut: str) -> None:
    lines = convert("a.xlsx", fees(cut=cut)).text.split("\n")

    assert lines[-4:] == [
        "| South | small | 14 |",
        "| South | large | 20 |",
        "| North | any | 9 |",
        "| Paid in advance |  |  |",
    ]


def test_a_date_that_spans_rows_is_a_date_in_each(convert: Convert) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet("Days")
        sheet.write_row(0, 0, ["Day", "Boat"])
        sheet.merge_range("A2:A3", date(2024, 1, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_column(1, 1, ["small", "large"])
    data = changed(buffer.getvalue(), r'<c r="A3"[^>]*/>', "")
    rows = convert("a.xlsx", data).text.split("\n")[-2:]

    assert rows[1].split("|")[1] == rows[0].split("|")[1]
    assert "2024-01-01" in rows[0]


def test_thousands_of_spans_in_one_row_cost_no_more_than_in_many(convert: Convert) -> None:
    def seconds(count: int) -> float:
        cells = "".join(f'<c r="{column(place)}1"><v>{place}</v></c>' for place in range(count))
        spans = "".join(f'<mergeCell ref="{column(place)}1:{column(place)}2"/>' for place in range(count))
        sheet = f'<worksheet><sheetData><row r="1">{cells}</row><row r="2"/></sheetData>{spans}</worksheet>'
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("xl/worksheets/sheet1.xml", sheet)
        began = process_time()
        prepared(buffer.getvalue())
        return process_time() - began

    assert min(seconds(4000) for _ in range(3)) < 24 * min(seconds(500) for _ in range(3))


def column(place: int) -> str:
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


@pytest.mark.parametrize("ref", ["A2:A1048576", "A9:A10", "A2", "XFD1:XFD2", "A2:A3x"])
def test_a_span_that_is_odd_or_goes_on_for_ever_is_no_harm(convert: Convert, ref: str) -> None:
    lines = convert("a.xlsx", fees(ref)).text.split("\n")

    assert "| North | any | 9 |" in lines


def test_a_cell_of_an_open_document_sheet_that_spans_rows_is_said_in_each(convert: Convert) -> None:
    def row(*cells: str) -> str:
        return f"<table:table-row>{''.join(cells)}</table:table-row>"

    def cell(words: str, **spans: int) -> str:
        said = "".join(f' table:number-{name}-spanned="{count}"' for name, count in spans.items())
        return f'<table:table-cell office:value-type="string"{said}><text:p>{words}</text:p></table:table-cell>'

    covered = "<table:covered-table-cell/>"
    rows = row(cell("Zone"), cell("Boat"), cell("Euros"))
    rows += row(cell("South", rows=2, columns=1), cell("small"), cell("14"))
    rows += row(covered, cell("large"), cell("20"))
    rows += row(cell("North", columns=2), covered, cell("9"))
    rows += row(cell("Paid in advance", columns=3), '<table:covered-table-cell table:number-columns-repeated="2"/>')
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", ODS.format(rows=rows))
    lines = convert("a.ods", buffer.getvalue()).text.split("\n")

    assert "| South | large | 20 |" in lines
    assert "| North |  | 9 |" in lines
    assert lines[-1].count("Paid in advance") == 1


@pytest.mark.parametrize(
    ("read", "made"),
    [
        (
            "## Ships\n\n| Ships a day |  |\n| --- | --- |\n|  |  |\n| Year | Boats |\n| 2024 | 1 |",
            "## Ships\n\nShips a day\n\n| Year | Boats |\n| --- | --- |\n| 2024 | 1 |",
        ),
        ("| a \\| b |  |\n| --- | --- |\n| c | d |", "a \\| b\n\n| c | d |\n| --- | --- |"),
        ("| a |  |\n| --- | --- |\n| b |  |", "| a |  |\n| --- | --- |\n| b |  |"),
        ("| a | b |\n| --- | --- |\n| c |  |", "| a | b |\n| --- | --- |\n| c |  |"),
        ("| a |\n| --- |", "| a |\n| --- |"),
        ("|  | price |\n| --- | --- |\n| apples | 12 |", "|  | price |\n| --- | --- |\n| apples | 12 |"),
    ],
)
def test_lines_above_the_table_of_a_sheet_are_not_taken_for_its_head(read: str, made: str) -> None:
    assert titles_above(read) == made
