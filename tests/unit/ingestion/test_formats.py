"""What comes out of the formats that test_converting.py has not, and which reader a file goes to."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.errors import ConversionError
from core.ports import LocalFile
from core.types import SourceItem, TextFormat
from ingestion.converters.formats import FORMATS, READERS
from ingestion.converters.registry import FileConverter
from ingestion.facts import facts_of
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


# -- messages


def message(subject: str = "Keys", body: str = "The keys are at the desk.\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@example.org>", "bob@example.org", subject
    mail["Date"] = "Fri, 06 Mar 2026 09:30:00 +0100"
    mail.set_content(body)
    return mail


def test_a_message_begins_with_who_wrote_to_whom_and_when(convert: Convert) -> None:
    document = convert("a.eml", message().as_bytes())

    assert document.title == "Keys"
    assert document.text.split("---\n\n")[1] == (
        "# Keys\n\nFrom: Ann <ann@example.org>\nTo: bob@example.org\nDate: 2026-03-06 09:30 +0100\nSubject: Keys\n\n"
        "The keys are at the desk."
    )
    assert str(facts_of(document).date) == "2026-03-06"
    assert document.missing == ""


def test_a_body_in_html_is_read_as_a_page(convert: Convert) -> None:
    mail = message()
    mail.set_content("<html><body><h2>Rooms</h2><p>Room 7 is closed.</p></body></html>", subtype="html")

    assert "## Rooms\n\nRoom 7 is closed." in convert("a.eml", mail.as_bytes()).text.replace("### ", "## ")


def test_what_is_attached_stands_under_its_name_with_its_headings_below(convert: Convert) -> None:
    mail = message()
    mail.add_attachment(b"# Plan\n\nWe paint the hall.\n\n```\n# code\n```\n", "text", "markdown", filename="plan.md")
    mail.add_attachment(written_pdf([["The price is 40 euros."]]), "application", "pdf", filename="offer.pdf")
    document = convert("a.eml", mail.as_bytes())
    paths = {block.path for block in blocks(document.text, document.format)}

    assert ("Keys", "Attachment: plan.md", "Plan") in paths
    assert ("Keys", "Attachment: offer.pdf") in paths
    assert "The price is 40 euros." in document.text
    assert "\n# code\n" in document.text
    assert document.missing == ""


def test_an_attachment_that_cannot_be_read_is_named_and_the_message_is_read(convert: Convert) -> None:
    mail = message()
    mail.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(50), "image", "png", filename="map.png")
    document = convert("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in document.text
    assert document.missing == "Attachment map.png was not read: Files named .png are not supported."


def test_a_message_in_a_message_is_read_and_too_many_around_one_another_are_named(convert: Convert) -> None:
    mail = message("Number 0", "Text 0.")
    for number in range(1, 8):
        outer = message(f"Number {number}", f"Text {number}.")
        outer.add_attachment(mail)
        mail = outer
    document = convert("a.eml", mail.as_bytes())

    assert all(f"Text {number}." in document.text for number in (7, 6, 5, 4))
    assert "Text 3." not in document.text
    assert "It is a message in more than 3 others." in document.missing


def test_of_very_many_attachments_the_rest_is_named(convert: Convert) -> None:
    mail = message()
    for number in range(60):
        mail.add_attachment(f"File {number}.".encode(), "text", "plain", filename=f"{number}.txt")
    document = convert("a.eml", mail.as_bytes())

    assert "File 49." in document.text
    assert "10 of its attachments were not read." in document.missing


@pytest.mark.parametrize(
    "headers",
    [
        b"Subject: =?utf-8?b?not base64?=\nFrom: a\n",
        b"Subject: x\nDate: tomorrow\n",
        b"From: <<<>>>,,;\nTo: \xff\xfe\nDate: Fri, 99 Mar 99999 99:99:99 +9999\n",
        b"Subject: x\nContent-Type: text/plain; charset=klingon\n",
        b"Subject: x\nContent-Type: multipart/mixed; boundary=\n",
    ],
)
def test_a_message_with_broken_headers_is_read_all_the_same(convert: Convert, headers: bytes) -> None:
    assert "The keys." in convert("a.eml", headers + b"\nThe keys.\n").text


def test_an_attached_message_of_nothing_is_named(convert: Convert) -> None:
    data = b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n--b--\n"
    assert "no headers" in convert("a.eml", data).missing


@pytest.mark.parametrize(
    ("kind", "name"), [("application/pkcs7-mime", "smime.p7m"), ("application/octet-stream", "x.bin")]
)
def test_a_message_that_is_a_file_of_a_kind_that_is_not_read_has_no_body_and_names_it(
    convert: Convert, kind: str, name: str
) -> None:
    mail = message()
    mail.set_content(bytes(range(256)), *kind.split("/"), filename=name)
    document = convert("a.eml", mail.as_bytes())

    assert "AAECAw" not in document.text
    assert f"Attachment {name} was not read" in document.missing


def test_a_message_that_is_a_pdf_is_read_as_one(convert: Convert) -> None:
    mail = message()
    mail.set_content(written_pdf([["The fax says 40 euros."]]), "application", "pdf")
    document = convert("a.eml", mail.as_bytes())

    assert "The fax says 40 euros." in document.text
    assert "JVBERi" not in document.text


def test_a_message_that_is_one_text_of_another_kind_is_decoded(convert: Convert) -> None:
    mail = message()
    mail.set_content("Room größer 7", subtype="calendar", cte="base64")

    assert "Room größer 7" in convert("a.eml", mail.as_bytes()).text


def test_what_is_in_parts_of_parts_of_a_message_is_read(convert: Convert) -> None:
    first, second = message(), message("", "The second text.\n")
    second.add_attachment(b"The plan.", "text", "plain", filename="plan.txt")
    first.make_mixed()
    first.attach(second)
    first.attach(message("", "The footer.\n"))
    text = convert("a.eml", first.as_bytes()).text

    assert [text.count(said) for said in ("The keys", "The second text.", "The plan.", "The footer.")] == [1, 1, 1, 1]


def test_of_two_forms_of_a_text_one_is_read_and_what_is_attached_to_the_other(convert: Convert) -> None:
    mail = message()
    mail.add_alternative("<html><body><p>The keys in colour.</p></body></html>", subtype="html")
    page = list(mail.iter_parts())[1]
    assert isinstance(page, EmailMessage)
    page.add_attachment(b"The plan.", "text", "plain", filename="plan.txt")
    document = convert("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in document.text
    assert "in colour" not in document.text
    assert "## Attachment: plan.txt\n\nThe plan." in document.text
    assert document.missing == ""


def test_parts_too_deep_in_parts_are_named(convert: Convert) -> None:
    mail = message("", "The deepest text.\n")
    for _ in range(40):
        outer = message()
        outer.make_mixed()
        outer.attach(mail)
        mail = outer
    document = convert("a.eml", mail.as_bytes())

    assert "The keys" in document.text
    assert "The deepest text." not in document.text
    assert "was not read: It has no data of its own." in document.missing


def test_an_attachment_without_data_is_named(convert: Convert) -> None:
    mail = message()
    mail.add_attachment(b"", "text", "plain", filename="notes.txt")

    missing = convert("a.eml", mail.as_bytes()).missing
    assert missing == "Attachment notes.txt was not read: It has no data of its own."


def test_a_message_attached_to_an_outlook_message_is_named(convert: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {
        ("__substg1.0_0037001F",): "Keys".encode("utf-16-le"),
        ("__substg1.0_1000001F",): "The keys.".encode("utf-16-le"),
        ("__attach_version1.0_#00000000", "__substg1.0_3701000D", "__substg1.0_1000001F"): b"T\x00",
    }

    class Storage:
        def listdir(self) -> list[list[str]]:
            return [list(path) for path in streams]

        def exists(self, path: list[str]) -> bool:
            return tuple(path) in streams

        def openstream(self, path: list[str]) -> io.BytesIO:
            return io.BytesIO(streams[tuple(path)])

    monkeypatch.setattr("olefile.OleFileIO", lambda _: contextlib.nullcontext(Storage()))
    document = convert("a.msg", b"any")

    assert "The keys." in document.text
    assert document.missing == "Attachment without a name was not read: It has no data of its own."


def test_the_limit_on_messages_in_messages_holds_whatever_they_are_named(convert: Convert) -> None:
    mail = message("Number 0", "Text 0.")
    for number in range(1, 8):
        outer = message(f"Number {number}", f"Text {number}.")
        box = b"From a@example.org Fri Mar  6 09:30:00 2026\n" + mail.as_bytes()
        outer.add_attachment(box, "application", "octet-stream", filename="x.txt")
        mail = outer
    document = convert("a.eml", mail.as_bytes())

    assert all(f"Text {number}." in document.text for number in (7, 6, 5, 4))
    assert "Text 3." not in document.text
    assert "It is a message in more than 3 others." in document.missing


@pytest.mark.parametrize(
    "error", [zipfile.BadZipFile("bad"), RecursionError("too deep"), UnicodeError("no"), KeyError("x"), EOFError()]
)
def test_an_attachment_that_its_reader_trips_over_is_named_and_the_message_is_read(
    convert: Convert, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def trip(self: object, file: object) -> None:
        raise error

    monkeypatch.setattr("ingestion.converters.texts.separated_values.SeparatedValuesReader.read", trip)
    mail = message()
    mail.add_attachment(b"a,b", "text", "csv", filename="list.csv")
    document = convert("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in document.text
    assert document.missing.startswith("Attachment list.csv was not read: The file is damaged: ")


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "unicode_escape", "raw-unicode-escape", "rot13"])
def test_a_message_in_what_is_no_encoding_of_texts_is_read_all_the_same(convert: Convert, charset: str) -> None:
    data = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\nThe keys..{'x' * 70} \\u0041 C:\\new.\n"

    assert f"The keys..{'x' * 70} \\u0041 C:\\new." in convert("a.eml", data.encode()).text


def test_what_is_no_message_is_refused(convert: Convert) -> None:
    with pytest.raises(ConversionError, match="no headers"):
        convert("a.eml", b"just words")


@pytest.mark.parametrize("name", ["a.mbox", "Inbox"])
def test_each_message_of_a_mailbox_is_a_section(convert: Convert, name: str) -> None:
    data = b"".join(
        b"From ann@example.org Fri Mar  6 09:30:00 2026\n" + message(subject, f"{subject} text.\n>From here on.\n").as_bytes() + b"\n"
        for subject in ("First", "Second")
    )  # fmt: skip
    document = convert(name, data)

    assert {block.path for block in blocks(document.text, document.format)} == {("First",), ("Second",)}
    assert "Second text.\nFrom here on." in document.text


def test_an_outlook_message_is_read_with_its_text_attachment() -> None:
    path = shared("messy-files", "docling", "tests", "data", "email", "sources", "msg_with_attachment.msg")
    document = FileConverter(10**7).convert(LocalFile(path, path.name), SourceItem("docs/x", "docs", "1", 1))

    assert document.title == "Email with Attachment"
    assert "To: Bob Example <bob@example.com>" in document.text
    assert "## Attachment: test.txt\n\nThis is a test attachment file." in document.text
    assert "Attachment report.pdf was not read" in document.missing  # it is damaged
    assert str(facts_of(document).date) == "2026-05-20"


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
<draw:frame><text:p>Meet at the <text:span>gate</text:span>. &b;</text:p></draw:frame></draw:page></office:body>
</office:document-content>"""


def test_a_slide_has_its_title_as_heading_and_no_entity_is_expanded(convert: Convert) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.presentation")
        archive.writestr("content.xml", ODP)
    document = convert("a.odp", buffer.getvalue())

    assert document.title == "Fire drill"
    assert document.text.startswith("## Fire drill\n\nMeet at the gate.")
    assert "aaaa" not in document.text
