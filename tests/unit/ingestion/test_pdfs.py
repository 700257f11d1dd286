"""What of a PDF is read, what of it is said to be missing, and its lines that run through all pages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConversionError, FailureKind
from ingestion.converters.checks.word_recall import word_recall
from ingestion.converters.content import RawFile
from ingestion.converters.pdf import reader
from ingestion.converters.pdf.page_text import ligatures_in_order, readable, unglued
from ingestion.converters.pdf.reader import page_ranges
from ingestion.converters.pdf.running_lines import without_running_lines
from ingestion.converters.pdf.second_reader import PdfSpan, SecondReader
from ingestion.converters.pdf.title import drawn_title
from tests.support.conversion import Convert
from tests.support.written_pdf import written_pdf

DATA = Path(__file__).parents[2] / "data" / "documents"


def lines(convert: Convert, name: str) -> list[str]:
    return convert(name, (DATA / name).read_bytes()).text.split("\n")


def test_a_page_whose_box_does_not_begin_at_zero_is_read_to_its_edges(convert: Convert) -> None:
    assert lines(convert, "offset.pdf") == lines(convert, "zero.pdf")
    assert lines(convert, "offset.pdf")[1].endswith("the director's approval.")


def test_columns_are_read_one_after_the_other(convert: Convert) -> None:
    assert lines(convert, "twocol.pdf")[2:4] == ["checked on Fridays.", "Right one: the bell"]


def test_numbers_of_columns_that_stand_close_are_apart(convert: Convert) -> None:
    rows = ["| Rope | 40 | 12.50 |", "| Anchor | 3 | 310.00 |", "| Fender | 22 | 45.00 |"]
    assert lines(convert, "table.pdf") == ["| Item | Units | Price |", "| --- | --- | --- |", *rows]


def test_a_pdf_that_only_its_owner_may_change_is_read(convert: Convert) -> None:
    assert "The spare lens is in crate 14." in lines(convert, "owner_only_rc4.pdf")


def test_a_sentence_goes_on_over_the_end_of_a_page(convert: Convert) -> None:
    document = convert("pagebreak.pdf", (DATA / "pagebreak.pdf").read_bytes())
    words = " ".join(document.text.split("\n\n")[0].split())

    assert words == ("The emergency number of the rescue boat crew at the north pier is extension 4471, day and night.")
    assert document.text[document.page_starts[1] :].startswith("extension 4471")


def test_a_page_that_begins_with_a_sentence_is_a_paragraph_of_its_own(convert: Convert) -> None:
    text = convert("a.pdf", written_pdf([["The first page ends here."], ["and so on"], ["Then this."]])).text

    assert text == "The first page ends here.\n\nand so on\n\nThen this."


def test_a_pdf_behind_a_password_is_refused_as_such(convert: Convert) -> None:
    with pytest.raises(ConversionError) as refused:
        convert("a.pdf", written_pdf([["Secret."]], password="x"))
    assert refused.value.kind is FailureKind.ENCRYPTED


# -- the second reader


class _Finds(SecondReader):
    """A second reader that finds the same on every page."""

    def __init__(self, text: str) -> None:
        self._text = text

    def page(self, number: int) -> str:
        return self._text

    def spans(self, number: int) -> list[PdfSpan]:
        return []


FOX = "The quick brown fox jumps over the lazy dog near the old stone bridge by the river."


@pytest.mark.parametrize(
    ("first", "second", "text", "missing"),
    [
        (FOX, FOX, FOX, ""),
        (FOX, "", FOX, ""),
        (FOX, FOX.replace(" ", ""), FOX, ""),
        (FOX, " ".join(FOX), FOX, ""),
        (FOX[:40], FOX, FOX, ""),
        ("Entirely different words", FOX, "Entirely different words", "page 1: 3 words read, another reader finds 17"),
    ],
)
def test_a_page_of_which_too_little_was_read_is_taken_from_the_second_reader_or_named(
    convert: Convert, monkeypatch: pytest.MonkeyPatch, first: str, second: str, text: str, missing: str
) -> None:
    monkeypatch.setattr(reader, "SecondReader", lambda data: _Finds(second))
    content = reader.PdfReader().read(RawFile("a.pdf", written_pdf([[first]])))

    assert (content.text, content.missing) == (text, missing)


def test_both_readers_agree_on_a_clean_file(convert: Convert) -> None:
    data = written_pdf([[f"Line {line} of page {page} says {page * line}." for line in range(9)] for page in range(30)])
    assert reader.PdfReader().read(RawFile("a.pdf", data)).missing == ""


@given(st.text(), st.text())
def test_recall_is_a_share_and_what_is_all_there_has_one(found: str, more: str) -> None:
    assert word_recall(f"{found} {more}", found) == 1
    assert 0 <= word_recall(found, more) <= 1


def test_a_second_reader_that_cannot_read_a_file_says_nothing() -> None:
    assert SecondReader(b"no pdf at all").page(0) == ""
    assert SecondReader(written_pdf([["One."]])).page(7) == ""


def test_ranges_of_pages_are_written_as_people_do() -> None:
    assert page_ranges([2, 3, 4, 7]) == "2-4, 7"


# -- the text of a page


@pytest.mark.parametrize(
    ("drawn", "read"),
    [
        ("the ap\x02point is", "the appoint is"),
        ("stock-based pay; stock\x02based too", "stock-based pay; stock-based too"),
        ("Video\x02On demand", "Video-On demand"),
        ("R وPythonمن هنا", "R وPython من هنا"),
        ("half \udb62 pair", "half \ufffd pair"),
    ],
)
def test_what_a_page_says_is_made_readable(drawn: str, read: str) -> None:
    assert readable(drawn) == read


def test_an_arabic_ligature_is_in_reading_order() -> None:
    assert ligatures_in_order("اإلنتاجية", lambda at: at == 1) == "الإنتاجية"
    assert ligatures_in_order("البرمجة", lambda at: False) == "البرمجة"


@given(st.lists(st.text("abc12.", min_size=1, max_size=5), max_size=8))
def test_ungluing_changes_no_character(words: list[str]) -> None:
    text = "".join(words)
    apart = unglued(text, " ".join(words))

    assert apart.replace(" ", "") == text.replace(" ", "")


def test_a_word_that_only_the_second_reader_parts_stays_whole() -> None:
    assert unglued("Table of Contents", "T able of Contents") == "Table of Contents"


@pytest.mark.parametrize(
    ("first", "second"), [("117,154", "1 17,154"), ("6,611", "6,61 1"), ("2.11", "2.1 1"), ("(119)", "(1 19)")]
)
def test_a_number_that_only_the_second_reader_parts_stays_whole(first: str, second: str) -> None:
    assert unglued(f"Net sales {first} in all", f"Net sales {second} in all") == f"Net sales {first} in all"


# -- running lines


def test_headers_footers_and_page_numbers_run_and_are_read_once() -> None:
    pages = [f"Annual report\nSite {n}\nText of part {n * 7}.\nPage {n} of 5" for n in range(1, 6)]
    kept = without_running_lines(pages)

    assert kept[0] == "Annual report\nSite 1\nText of part 7."
    assert kept[1:] == [f"Site {n}\nText of part {n * 7}." for n in range(2, 6)]


def test_pages_that_say_the_same_all_say_it() -> None:
    clause = "The tenant keeps the quay clear of nets and boxes and calls the master before noon. " * 3
    pages = [f"{clause}\nSite {n} is {'wide ' * n}.\n{'Boats wait here. ' * 9}" for n in range(1, 6)]

    assert without_running_lines(pages) == pages


def test_rows_of_a_table_at_the_edges_of_pages_stay() -> None:
    pages = [f"Rent {n * n + 300} {n * 17}\n{n * n} {n + 7 * n * n}\nthe end" for n in range(1, 9)]

    assert [page.split("\n")[:2] for page in without_running_lines(pages)] == [page.split("\n")[:2] for page in pages]


@given(
    st.lists(st.lists(st.sampled_from(["head", "page 1", "a", "b", "", "7"]), max_size=9).map("\n".join), max_size=9)
)
def test_running_lines_leave_nothing_new_and_no_page_empty_and_lose_no_words_for_good(pages: list[str]) -> None:
    kept = without_running_lines(pages)

    assert len(kept) == len(pages)
    for before, after in zip(pages, kept, strict=True):
        assert Counter(after.split("\n")) <= Counter(before.split("\n"))
        assert bool(after.strip()) is bool(before.strip())
    said = {line for page in kept for line in page.split("\n")}
    assert {"head", "a", "b"}.intersection(*[[line for page in pages for line in page.split("\n")]]) <= said


@pytest.mark.parametrize(
    "numbers", [[f"45000123{n:05}" for n in range(0, 1500, 301)], ["7", "007", "07", "7.0", "0007"]]
)
def test_numbers_that_only_begin_or_end_alike_are_no_running_line(numbers: list[str]) -> None:
    pages = [f"Order {number}\nText of part {n * 7}." for n, number in enumerate(numbers)]

    assert without_running_lines(pages) == pages


def test_a_long_number_counts_no_pages() -> None:
    pages = [f"{4711000 + n}\nText of part {n * 7}." for n in range(5)]

    assert without_running_lines(pages) == pages


# -- the title


def spans(*pieces: tuple[str, float]) -> list[PdfSpan]:
    return [PdfSpan(text, size, 0.0) for text, size in pieces]


BODY = [("A line of the text as usual.", 10.0)] * 8


@pytest.mark.parametrize(
    ("pieces", "title"),
    [
        ([("Rules of the", 20.0), ("old harbour", 20.0), *BODY], "Rules of the old harbour"),
        ([("FORM 10-Q", 20.0), *BODY], ""),
        ([*BODY], ""),
        ([("7", 90.0), ("Rules of the old harbour", 20.0), *BODY], "Rules of the old harbour"),
        ([("of a sentence that goes on", 20.0), *BODY], ""),
    ],
)
def test_the_title_of_a_pdf_is_the_line_in_the_largest_letters(pieces: list[tuple[str, float]], title: str) -> None:
    page = "\n".join(text for text, _ in pieces)

    assert drawn_title(spans(*pieces), page) == title
