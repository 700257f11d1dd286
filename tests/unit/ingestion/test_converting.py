"""What comes out of markdown, text, HTML, PDF and DOCX files."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ports import LocalFile
from core.types import SourceItem, TextFormat
from ingestion.converters.pdf.reader import joined_pages
from ingestion.converters.registry import FileConverter
from ingestion.converters.titles import first_good, markdown_title, name_title
from tests.support.conversion import Convert
from tests.support.needs import shared
from tests.support.written_pdf import written_pdf


def words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.lower()))


# -- text


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
@pytest.mark.parametrize("data", ["a\r\nb\rc\n", "\ufeffwith mark", "tab\t and \u2028 and \x0c", "trailing  \n\n\n"])
def test_a_text_is_what_python_reads_from_the_file(convert: Convert, tmp_path: Path, name: str, data: str) -> None:
    document = convert(name, data.encode())

    assert document.text == (tmp_path / name).read_text(encoding="utf-8-sig")


def test_nulls_which_databases_refuse_are_dropped(convert: Convert) -> None:
    assert convert("a.md", b"one\x00 two").text == "one two"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: From front matter\n---\n# Heading\n", "From front matter"),
        ('---\ntitle: "Quoted: yes"\n---\n', "Quoted: yes"),
        ("---\ntitle: 'half\n---\nText\n", "'half"),
        ("+++\ntitle = 'From TOML'\n+++\n", "From TOML"),
        ("# The **first** heading\n\n# The second\n", "The first heading"),
        ("Text before.\n\nSetext\n======\n", "Setext"),
        ("```\n# code\n```\n", "guide"),
        ("---\ntitle: Untitled\n---\n", "guide"),
        ("---\ntitle: !!bool maybe\n---\n", "!!bool maybe"),
        ("---\ntitle: 2026-99-99 plan\n---\n", "2026-99-99 plan"),
        ("no heading", "guide"),
        ("A line of text.\n\n" * 300 + "Far down\n========\n\n# Behind it\n", "Far down"),
        ("x" * 1990 + "\n\nIts underline comes next\n====\n\n# Behind it\n", "Its underline comes next"),
        ("# " + "x" * 500, "x" * 199 + "…"),
        ("# two\u2028lines\x1b[0m", "two lines [0m"),
    ],
)
def test_the_title_of_a_markdown_text(text: str, title: str) -> None:
    assert markdown_title(text, "guide.md") == title


def test_an_index_file_is_called_like_its_folder() -> None:
    assert name_title("team/onboarding/index.md") == "onboarding"
    assert name_title("index.md") == "index"


@pytest.mark.parametrize(
    "automatic", ["untitled", "(anonymous)", "Microsoft Word - x.doc", "report.docx", "0001-22-07", ""]
)
def test_titles_that_programs_write_are_no_titles(automatic: str) -> None:
    assert first_good(automatic, "A person's title") == "A person's title"


# -- HTML

PAGE = """<!doctype html><html><head><title>Kettles &amp; Pots</title></head><body>
<nav><a href="/">Home</a><a href="/about">About us</a><a href="/imprint">Imprint</a></nav>
<article><h1>Kettles</h1>{paragraphs}<table><tr><th>Size</th><th>Price</th></tr><tr><td>small</td><td>12</td></tr></table>
</article><footer>All rights reserved by the kettle company.</footer></body></html>"""


def test_the_main_text_of_a_page_is_kept_and_its_navigation_is_not(convert: Convert) -> None:
    paragraphs = "".join(f"<p>{'A kettle boils water quickly and safely. ' * 8}Number {n}.</p>" for n in range(9))
    document = convert("kettles.html", PAGE.format(paragraphs=paragraphs).encode())

    assert document.format is TextFormat.MARKDOWN
    assert document.title == "Kettles & Pots"
    assert "Number 8." in document.text
    assert "small" in document.text
    assert "Imprint" not in document.text


def test_a_small_page_is_kept_whole(convert: Convert) -> None:
    document = convert("links.html", b"<html><body><h2>Links</h2><ul><li><a href='/a'>First</a></ul></body></html>")

    assert "Links" in document.text
    assert "First" in document.text


def test_scripts_and_styles_are_not_text(convert: Convert) -> None:
    page = "<html><head><style>p{color:red}</style></head><body><script>alert('x')</script><p>Words.</p></body></html>"
    assert convert("a.html", page.encode()).text == "Words."


def test_real_pages_keep_the_words_of_their_ground_truth() -> None:
    root = shared("messy-files", "docling", "tests", "data", "html")
    for page in sorted((root / "sources").glob("example_0*.html")):
        truth = (root / "groundtruth" / f"{page.name}.md").read_text()
        document = FileConverter(10**7).convert(LocalFile(page, page.name), SourceItem("docs/x", "docs", "1", 1))
        missing = words(re.sub(r"<!--.*?-->|\(.*?\)", "", truth)) - words(document.text)
        assert len(missing) <= len(words(truth)) * 0.1, (page.name, missing)


# -- PDF


def test_a_pdf_has_pages_that_begin_where_it_says() -> None:
    import pypdf

    path = shared("sec-10q", "sec-10-q", "data", "v1", "docs", "2022 Q3 AAPL.pdf")
    document = FileConverter(10**8).convert(LocalFile(path, path.name), SourceItem("docs/x", "docs", "1", 1))
    pages = pypdf.PdfReader(path).pages

    assert document.format is TextFormat.LAID_OUT
    assert document.title == "2022 Q3 AAPL"  # its own title is a number
    assert len(document.page_starts) == len(pages)
    bounds = [*document.page_starts, len(document.text)]
    assert all(start < end for start, end in pairwise(bounds))
    assert all(document.text[start - 2 : start] == "\n\n" != document.text[start : start + 2] for start in bounds[1:-1])
    for number in (0, 3, 10, len(pages) - 1):
        ours = words(document.text[bounds[number] : bounds[number + 1]])
        theirs = words(pages[number].extract_text())
        assert len(ours & theirs) >= 0.8 * len(ours), number


def test_pages_rows_and_empty_pages_of_a_pdf_stand_where_they_say(convert: Convert) -> None:
    rows = [["Zone", "Price", "Hours"], ["North", "14 euros", "8 to 18"], ["South", "9 euros", "8 to 20"]]
    pages = [["The first page speaks of zones.", *rows], [], ["The third page ends the report."]]
    document = convert("zones.pdf", written_pdf(pages))

    first, second, third = document.page_starts
    assert first == 0 < second == third
    assert document.text[third - 2 : third] == "\n\n"
    assert document.text[third:] == "The third page ends the report."
    table = [line for line in document.text[:third].split("\n") if line.startswith("|")]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in table] == [
        rows[0],
        ["---"] * 3,
        *rows[1:],
    ]


@given(st.lists(st.sampled_from(["", " \n", "one", "two\n\nparagraphs", "  indented\n"]), max_size=8))
def test_joined_pages_begin_where_it_says(pages: list[str]) -> None:
    text, starts = joined_pages(pages)

    assert len(starts) == len(pages)
    bounds = [*starts, len(text)]
    assert all(start <= end for start, end in pairwise(bounds))
    assert [text[start:end].strip() for start, end in pairwise(bounds)] == [page.strip() for page in pages]
    assert text == text.strip()


def test_the_rows_of_a_table_in_a_real_pdf_stand_under_the_names_of_their_columns() -> None:
    path = shared("sec-10q", "sec-10-q", "data", "v1", "docs", "2022 Q3 AMZN.pdf")
    document = FileConverter(10**8).convert(LocalFile(path, path.name), SourceItem("docs/x", "docs", "1", 1))

    row = document.text.index("| Net product sales | $ 54,876 | $ 59,340 | $ 170,371 | $ 172,370 |")
    head = document.text[document.text.rindex("\n\n|", 0, row) : row]
    assert (
        head.count("Three Months Ended September 30, 2022") == head.count("Nine Months Ended September 30, 2022") == 1
    )


def test_a_page_of_two_overlapping_layers_is_not_lost() -> None:
    """The former reader found nothing on the second page."""
    path = shared("messy-files", "docling", "tests", "data", "pdf", "sources", "skipped_1page.pdf")
    document = FileConverter(10**8).convert(LocalFile(path, path.name), SourceItem("docs/x", "docs", "1", 1))

    first, second, third = document.page_starts
    assert "웨어러블 컨트롤" in document.text[second:third]
    assert first == 0 < second < third < len(document.text)
    assert document.text[third - 2 : third] == "\n\n"


# -- DOCX


def test_a_docx_becomes_markdown(convert: Convert, docx: bytes) -> None:
    document = convert("guide.docx", docx)

    assert document.title == "The Guide"
    assert document.format is TextFormat.MARKDOWN
    assert document.page_starts == ()
    assert "# First part" in document.text
    assert "an item" in document.text
    assert "| Ann | 42 |" in document.text


def test_real_docx_files_keep_the_words_of_their_ground_truth() -> None:
    root = shared("messy-files", "docling", "tests", "data", "docx")
    for name in ("word_tables.docx", "unit_test_headers.docx", "lorem_ipsum.docx", "docx_lists.docx"):
        path, truth = root / "sources" / name, (root / "groundtruth" / f"{name}.md").read_text()
        document = FileConverter(10**7).convert(LocalFile(path, name), SourceItem("docs/x", "docs", "1", 1))
        assert len(words(truth) - words(document.text)) <= len(words(truth)) * 0.05, name
