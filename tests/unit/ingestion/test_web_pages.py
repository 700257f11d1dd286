"""What of a web page is read: its tables row by row, and never less than there was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ingestion.converters.table_spans import with_spans_written_out
from tests.support.conversion import Convert

DATA = Path(__file__).parents[2] / "data" / "documents"


def rows(html: str) -> list[list[str]]:
    page = etree.fromstring(html.encode(), etree.HTMLParser(encoding="utf-8"))
    return [["".join(cell.itertext()) for cell in row.iterchildren("td", "th")] for row in page.iter("tr")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rowspan.html", [["East quay", "Sail", "11 euros"], ["East quay", "Motor", "19 euros"]]),
        ("table_html.html", [["North", "14 euros"], ["South", "14 euros"]]),
    ],
)
def test_each_row_of_a_table_says_what_spans_it(convert: Convert, name: str, expected: list[list[str]]) -> None:
    text = convert(name, (DATA / name).read_bytes()).text
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n") if "|" in line]

    for row in expected:
        assert row in table


def test_the_main_text_of_a_long_page_has_its_spans_written_out_too(convert: Convert) -> None:
    table = (DATA / "rowspan.html").read_text().partition("<table>")[2].partition("</table>")[0]
    prose = "".join(f"<p>The quay master of berth {n} keeps the log of boats and of rates.</p>" for n in range(60))
    page = f"<html><body><article><h1>Rates</h1>{prose}<table>{table}</table>{prose}</article></body></html>"
    text = convert("a.html", page.encode()).text

    assert any(all(word in line for word in ("East quay", "Motor", "19 euros")) for line in text.split("\n"))


def test_headings_over_two_columns_stand_over_both_and_a_caption_is_said_once() -> None:
    table = (
        "<table><tr><th colspan=2>Fees</th><th rowspan=2>Zone</th></tr><tr><th>Adult</th><th>Child</th></tr>"
        "<tr><td colspan=3>Summer</td></tr><tr><td>1</td><td rowspan=0>2</td><td>A</td></tr><tr><td>3</td></tr></table>"
    )

    assert rows(with_spans_written_out(table)) == [
        ["Fees", "Fees", "Zone"],
        ["Adult", "Child", "Zone"],
        ["Summer", "", ""],
        ["1", "2", "A"],
        ["3", "2"],
    ]


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=4), max_size=5))
def test_no_span_is_left_and_no_word_is_lost(table: list[list[tuple[int, int]]]) -> None:
    cells = [
        [f"<td rowspan={down} colspan={right}>c{row}x{column}</td>" for column, (down, right) in enumerate(line)]
        for row, line in enumerate(table)
    ]
    html = "<table>" + "".join(f"<tr>{''.join(line)}</tr>" for line in cells) + "</table>"
    written = with_spans_written_out(html)

    assert "span=" not in written
    for row, line in enumerate(table):
        for column in range(len(line)):
            assert f"c{row}x{column}" in written


@pytest.mark.parametrize(
    "table",
    [
        "<tr><td rowspan=60000 colspan=900>" + "x" * 1000 + "</td></tr>" + "<tr></tr>" * 5000,
        "<tr><td rowspan=2 colspan=2><table>" * 60 + "x" * 1000,
        ("<tr>" + "<td rowspan=60000></td>" * 900 + "</tr>") + "<tr></tr>" * 3000,
        "<tr><td colspan=999999999999>x</td></tr>",
    ],
)
def test_a_table_that_would_fill_the_memory_stays_small(table: str) -> None:
    html = f"<table>{table}</table>"

    assert len(with_spans_written_out(html)) < len(html) + 2_000_000


def test_a_page_nested_too_deeply_for_parsers_is_read_all_the_same(convert: Convert) -> None:
    text = convert("deep.html", (DATA / "deep.html").read_bytes()).text

    assert text == "The deep div says the tide table hangs in hut 3."


def test_a_good_text_is_not_replaced_by_an_emptier_one(convert: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion.converters import web_page

    monkeypatch.setattr(web_page, "_whole_page", lambda html: "")
    page = "<html><body><article><p>The ferry leaves at noon from the north pier.</p></article></body></html>"

    assert convert("a.html", page.encode()).text == "The ferry leaves at noon from the north pier."


def test_a_page_of_which_the_main_text_would_be_a_small_part_is_kept_whole(convert: Convert) -> None:
    """A text that an office program wrote as HTML has hardly any markup to tell its main part by."""
    parts = "".join(f"<div>Rule {n}: boat {n} waits at quay {n} until it is called.</div>" for n in range(80))
    page = f"<html><body><article><p>{'The harbour is open. ' * 20}</p></article>{parts}</body></html>"
    text = convert("a.html", page.encode()).text

    assert all(f"Rule {n}:" in text for n in range(80))


def _sentences(many: int, of: str) -> str:
    told = "writes down in the evening which boats came and what they paid for it"
    return "".join(f"<p>The keeper of {of} number {n} {told}.</p>" for n in range(many))


def test_sentences_beside_a_main_text_of_many_short_lines_are_not_lost(convert: Convert) -> None:
    short = "".join(f"<p>Berth {n}: {n + 3} euros a night.</p>" for n in range(120))
    page = f"<html><body><article><h1>Rates</h1>{short}</article><div>{_sentences(20, 'quay')}</div></body></html>"
    document = convert("a.html", page.encode())

    assert all(f"quay number {n} writes" in document.text for n in range(20))
    assert document.missing == ""


def test_a_page_whose_main_text_leaves_out_sentences_is_named(convert: Convert) -> None:
    article = f"<article><h1>Rates</h1>{_sentences(40, 'quay')}</article>"
    document = convert("a.html", f"<html><body>{article}<div>{_sentences(20, 'pier')}</div></body></html>".encode())

    assert "quay number 39 writes" in document.text
    assert document.missing == "Only 67% of the longer lines of the page were read as its text."


@pytest.mark.parametrize("name", ["class='post-comments'", "id=footer", "class=sidebar"])
def test_what_stands_beside_a_text_by_its_name_is_not_said_to_be_missing(convert: Convert, name: str) -> None:
    article = f"<article><h1>Rates</h1>{_sentences(40, 'quay')}</article>"
    beside = f"<div {name}><div>{_sentences(10, 'pier')}</div>{_sentences(10, 'boat')}</div>"
    document = convert("a.html", f"<html><body>{article}{beside}</body></html>".encode())

    assert (document.missing, "boat number" in document.text) == ("", False)


@pytest.mark.parametrize("depth", [300, 3000])
def test_a_page_with_spans_that_is_nested_deeply_loses_nothing(convert: Convert, depth: int) -> None:
    table = "<table><tr><td rowspan=2>East quay</td><td>Sail</td></tr><tr><td>Motor</td></tr></table>"
    page = f"<html><body>{table}{'<div>' * depth}{'Ring twice. ' * 30}{'</div>' * depth}<p>Closed on Sundays.</p></body></html>"
    text = convert("a.html", page.encode()).text

    assert "Ring twice." in text
    assert "Closed on Sundays." in text
    assert text.count("East quay") == (2 if depth < 2048 else 1)


def test_a_page_whose_marks_are_never_closed_is_read_to_its_end(convert: Convert) -> None:
    page = "<html><body>" + "".join(f"<font><b>Rule {n}: boat {n} waits.<br>" for n in range(300)) + "</body></html>"
    text = convert("a.html", page.encode()).text

    assert all(f"Rule {n}:" in text for n in range(300))
