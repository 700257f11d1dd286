"""What comes out of the formats that test_converting.py has not, and which reader a file goes to."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from core.errors import ConversionError, FailureKind
from core.ports import LocalFile
from core.types import SourceItem, TextFormat
from ingestion.clean_text import tidy
from ingestion.converters.formats import FORMATS, READERS
from ingestion.converters.registry import FileConverter
from ingestion.splitting.blocks import blocks
from tests.support.conversion import Convert
from tests.support.needs import shared
from tests.support.written_pdf import written_pdf

# -- by content


@pytest.mark.parametrize("name", ["report.doc", "report.txt", "report.html", "report"])
def test_a_pdf_is_read_as_one_whatever_its_name_says(convert: Convert, name: str) -> None:
    assert convert(name, written_pdf([["Some words."]])).media_type == "application/pdf"


def test_a_word_file_that_is_a_web_page_or_rtf_is_read_as_such(convert: Convert) -> None:
    assert convert("a.doc", b"<html><body><p>Some words.</p></body></html>").text == "Some words."
    assert convert("a.doc", rb"{\rtf1\ansi Some \b bold\b0  words.}").media_type == "application/rtf"


def test_a_text_that_begins_with_html_stays_a_text(convert: Convert) -> None:
    assert convert("a.md", b"<html>\n\n# Title\n").text == "<html>\n\n# Title\n"


def test_a_text_that_begins_with_very_many_comments_is_read_at_once(convert: Convert) -> None:
    assert convert("a.md", b"<!---->" * 500 + b"text").text.endswith("-->text")


def test_very_much_space_within_a_line_costs_no_more_than_its_length() -> None:
    line = "a" + " " * 500_000 + "b"

    assert tidy(f"{line}   \nc") == f"{line}\nc"


def test_damage_that_a_parser_tells_in_its_own_words_is_damage_and_no_crash(
    convert: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(self: object, file: object) -> None:
        raise KeyError("no such part")

    monkeypatch.setattr("ingestion.converters.texts.separated_values.SeparatedValuesReader.read", trip)
    with pytest.raises(ConversionError, match="The file is damaged: 'no such part'") as caught:
        convert("a.csv", b"a,b")

    assert caught.value.kind is FailureKind.MALFORMED


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("README", b"Read me first.\n", "Read me first.\n"),
        ("Makefile", b"all:\n\techo done\n", "all:\n\techo done\n"),
        ("page", b"<!doctype html><html><body><p>Words.</p></body></html>", "Words."),
    ],
)
def test_a_file_without_a_suffix_is_read_by_its_content(convert: Convert, name: str, data: bytes, said: str) -> None:
    assert convert(name, data).text == said
    assert convert(name, data).title == name


def test_a_binary_file_without_a_suffix_is_refused(convert: Convert) -> None:
    with pytest.raises(ConversionError, match="is a program"):
        convert("program", b"\x7fELF" + bytes(500))


def test_each_suffix_belongs_to_one_format() -> None:
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]

    assert len(suffixes) == len(set(suffixes)) == len(READERS)
    assert all(suffix == suffix.lower() for suffix in suffixes)


# -- texts that stay as they are


@pytest.mark.parametrize(
    "name", ["a.rst", "a.adoc", "a.org", "a.py", "a.yaml", "a.json", "a.jsonl", "a.xml", "a.toml", "a.sql", "a.log"]
)
def test_markup_data_and_source_code_are_the_file_itself(convert: Convert, tmp_path: Path, name: str) -> None:
    data = "first: 1\r\n\r\n  second: größer\n".encode()

    assert convert(name, data).text == "first: 1\n\n  second: größer\n"


def test_xml_is_read_in_the_encoding_it_declares_and_no_entity_is_expanded(convert: Convert) -> None:
    text = '<?xml version="1.0" encoding="iso-8859-2"?><!DOCTYPE a [<!ENTITY b "bb">]><a>&b; Dvořák</a>'

    assert convert("a.xml", text.encode("iso-8859-2")).text == text


RST = """=====
Guide
=====

Before you begin.

Install
-------

Run it.

Options
~~~~~~~

======  =====
Name    Value
======  =====

Remove
------

Delete it.
"""
ADOC = "= Guide\n\nBefore.\n\n== Install\n\nRun it.\n\n----\n== no heading\n----\n\n=== Options\n\nMany.\n\n== Remove\n\nGo.\n"
ORG = "#+TITLE: Guide\n\nBefore.\n\n* TODO Install :setup:\nRun it.\n** Options\nMany.\n#+BEGIN_SRC c\n* no heading\n#+END_SRC\n* Remove\nGo.\n"


@pytest.mark.parametrize(("name", "text"), [("a.rst", RST), ("a.adoc", ADOC), ("a.org", ORG)])
def test_headings_of_light_markup_are_heading_paths(convert: Convert, name: str, text: str) -> None:
    document = convert(name, text.encode())
    found = blocks(document.text, document.format)

    assert document.title == "Guide"
    assert list(dict.fromkeys(block.path for block in found)) == [
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Install", "Options"),
        ("Guide", "Remove"),
    ]
    # Every character that is not blank is in exactly one block.
    covered = "\n".join(document.text[block.start : block.end] for block in found)
    assert covered.split() == document.text.split()


def test_a_rule_or_a_table_of_restructured_text_is_no_heading(convert: Convert) -> None:
    text = "Words\n\n-----\n\nmore words\n\n====  ====\na     b\n====  ====\n\n  indented\n  --------\n"
    document = convert("a.rst", text.encode())

    assert {block.path for block in blocks(document.text, document.format)} == {()}


# -- tables


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_csv_is_a_table_whatever_separates_its_columns(convert: Convert, separator: str) -> None:
    rows = [["Site", "Doors"], ["North", '"a, b; c"'], ["South", "9"]]
    data = "\n".join(separator.join(row) for row in rows).encode()

    assert convert("a.csv", data).text.split("\n") == [
        "| Site | Doors |",
        "| --- | --- |",
        "| North | a, b; c |",
        "| South | 9 |",
    ]


def test_rows_of_uneven_length_and_lines_in_cells_are_kept(convert: Convert) -> None:
    text = convert("a.tsv", b'a\tb\n1\t2\t3\n"two\nlines"\tx|y\n').text

    assert text == "| a | b |  |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n| two lines | x\\|y |"


def test_a_row_of_many_columns_does_not_multiply(convert: Convert) -> None:
    document = convert("a.csv", b"a,b\n" + b"," * 50_000 + b"\n" + b"1,2\n" * 50_000)

    assert len(document.text) < 1_500_000


# -- notebooks


def notebook(*cells: object) -> bytes:
    return json.dumps({"cells": cells, "metadata": {"language_info": {"name": "python"}}}).encode()


def test_a_notebook_is_prose_code_and_printed_results(convert: Convert) -> None:
    prose = {"cell_type": "markdown", "source": ["# Sales\n", "What we sold."]}
    outputs = [
        {"output_type": "stream", "text": ["42\n"]},
        {"output_type": "display_data", "data": {"image/png": "iVBOR" * 1000, "text/plain": "<Figure>"}},
        {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []},
    ]
    document = convert("a.ipynb", notebook(prose, {"cell_type": "code", "source": "print(42)", "outputs": outputs}))

    assert document.title == "Sales"
    assert document.format is TextFormat.MARKDOWN
    assert "```python\nprint(42)\n```\n\n```\n42\n```" in document.text
    assert "KeyError" in document.text
    assert "iVBOR" not in document.text
    assert document.missing == ""


def test_a_long_printed_result_is_cut_and_named(convert: Convert) -> None:
    output = {"output_type": "stream", "text": "x" * 9_000_000}
    document = convert("a.ipynb", notebook({"cell_type": "code", "source": "run()", "outputs": [output]}))

    assert len(document.text) < 5_000
    assert "1 long printed results" in document.missing


def test_half_a_pair_in_a_notebook_becomes_a_sign_that_databases_and_models_take(convert: Convert) -> None:
    cell = {"cell_type": "markdown", "source": "# Sales \ud800\n\nWhat we sold \U0001f600."}
    document = convert("a.ipynb", notebook(cell))

    assert document.text == "# Sales \ufffd\n\nWhat we sold \U0001f600."
    assert document.title == "Sales \ufffd"


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b"{", b'{"cells": 1}', b'{"cells": {}}', b"[" * 100_000, b'{"worksheets": [1]}']
)
def test_what_is_no_notebook_is_refused(convert: Convert, data: bytes) -> None:
    with pytest.raises(ConversionError, match=r"JSON|no text"):
        convert("a.ipynb", data)


def test_reading_a_table_leaves_the_limits_of_other_readers_in_the_process(convert: Convert) -> None:
    before = csv.field_size_limit()
    convert("a.csv", b"zone,fee\nnorth,14")

    assert csv.field_size_limit() == before


# -- office formats


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("doc/sources/legacy_sample.doc", "Swimming in the lake"),
        ("ppt/sources/legacy_sample.ppt", "A merged with B"),
        ("xls/sources/legacy_sample.xls", "| 2019 | 120 |"),
        ("xlsx/sources/xlsx_02_sample_sales_data.xlsm", "| Widget A |"),
        ("odf/sources/odf_table_with_title_01.ods", "| 2019 | 120 |"),
        ("odf/sources/text_document_01.odt", "Lorem Ipsum has been"),
        ("odf/sources/odf_presentation_01.odp", "## Second slide title\n\n- Let’s introduce a list"),
        ("epub/sources/epub_purvis_poetry.epub", "Sarah Louisa Forten Purvis"),
    ],
)
def test_real_office_files_are_read(path: str, said: str) -> None:
    file = shared("messy-files", "docling", "tests", "data", *path.split("/"))
    document = FileConverter(10**7).convert(LocalFile(file, file.name), SourceItem("docs/x", "docs", "1", 1))

    assert said in document.text
    assert document.title


ODP = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<office:document-content xmlns:office="urn:o" xmlns:draw="urn:d" xmlns:text="urn:t" xmlns:presentation="urn:p">
<office:body><draw:page><draw:frame presentation:class="title"><text:p>Fire<text:s/>drill</text:p></draw:frame>
<draw:frame><text:p>Meet at the <text:span>gate</text:span>.<office:annotation><text:p>Really?</text:p></office:annotation> &b;</text:p>
</draw:frame></draw:page></office:body>
</office:document-content>"""


def test_a_slide_has_its_title_as_heading_no_comment_is_read_and_no_entity_expanded(convert: Convert) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.presentation")
        archive.writestr("content.xml", ODP)
    document = convert("a.odp", buffer.getvalue())

    assert document.title == "Fire drill"
    assert document.text.startswith("## Fire drill\n\nMeet at the gate.")
    assert "aaaa" not in document.text
    assert "Really?" not in document.text
