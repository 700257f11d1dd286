"""Nothing of an office file is lost in silence: its XML is read a second time."""

from __future__ import annotations

import io
import zipfile

import pytest

from ingestion.converters import office
from ingestion.converters.checks.office_text import checked
from ingestion.converters.content import RawFile
from tests.support.conversion import Convert

ODF = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'


def archive(**parts: str) -> bytes:
    """A zip archive; two underscores in a name are a slash, and it ends in .xml."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in parts.items():
            target.writestr(f"{name.replace('__', '/')}.xml", content)
    return buffer.getvalue()


def open_document(body: str) -> bytes:
    content = f"<office:document-content {ODF}><office:body><office:text>{body}</office:text></office:body></office:document-content>"
    return archive(content=content)


def cell(*paragraphs: str) -> str:
    return f"<table:table-cell>{''.join(paragraphs)}</table:table-cell>"


def p(words: str) -> str:
    return f"<text:p>{words}</text:p>"


def test_words_in_a_style_of_their_own_are_read_and_so_is_all_of_a_cell(convert: Convert) -> None:
    inner = f"<table:table><table:table-row>{cell(p('small'))}{cell(p('boat'))}</table:table-row></table:table>"
    items = "".join(f"<text:list-item>{p(item)}</text:list-item>" for item in ("first", "second"))
    row = cell(p("Kept:"), f"<text:list>{items}</text:list>") + cell(p("with <text:span>bold</text:span> words"), inner)
    head = cell(p("<text:span>Rule</text:span>")) + cell(p("Text"))
    body = (
        f"{p('Before <text:span>the</text:span> table.')}<table:table><table:table-row>{head}</table:table-row>"
        f"<table:table-row>{row}</table:table-row></table:table>"
        f"{p('After<office:annotation>' + p('who says?') + '</office:annotation> all.')}"
    )
    lines = convert("a.odt", open_document(body)).text.split("\n")

    assert "Before the table." in lines
    assert "| Rule | Text |" in lines
    assert "| Kept: first second | with bold words small boat |" in lines
    assert lines[-1] == "After all."


WORDS = "The pier opens at six and closes when the last boat has left the harbour."


@pytest.mark.parametrize(
    ("read", "kept"),
    [
        (WORDS, WORDS),
        (f"# {WORDS} and more", f"# {WORDS} and more"),
        (WORDS.replace(" ", ""), WORDS.replace(" ", "")),
        ("The pier opens at six.", f"{WORDS}\n\nHidden? No."),
        ("", f"{WORDS}\n\nHidden? No."),
    ],
)
def test_a_text_with_too_few_words_is_taken_from_the_xml(read: str, kept: str) -> None:
    more = "<w:p><w:r><w:t>Hidden? No.</w:t></w:r></w:p>" if kept.endswith("Hidden? No.") else ""
    body = f'<w:document xmlns:w="w"><w:p><w:r><w:t>{WORDS}</w:t></w:r></w:p>{more}</w:document>'

    data = archive(word__document=body)
    assert checked(read, data, data)[0] == kept


def test_what_nobody_reads_raises_no_alarm() -> None:
    body = (
        '<w:document xmlns:w="w" xmlns:mc="m"><w:p><w:r><w:t>Seen.</w:t></w:r><w:del><w:r><w:t>gone gone gone</w:t></w:r></w:del>'
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden hidden hidden</w:t></w:r>"
        "<mc:Fallback><w:t>drawn once more</w:t></mc:Fallback></w:p></w:document>"
    )

    data = archive(word__document=body)
    assert checked("Seen.", data, data) == ("Seen.", "")


def test_charts_and_diagrams_without_text_are_named() -> None:
    data = archive(ppt__charts__chart1="<c/>", ppt__charts__chart2="<c/>", ppt__diagrams__data1="<d/>")

    assert checked(WORDS, data, data)[1] == "charts without text: 2; diagrams without text: 1"


def test_a_document_of_pictures_says_so() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("word/media/scan1.png", b"")

    data = buffer.getvalue()
    assert checked("Annex", data, data)[1] == "pictures, no OCR: 1"
    assert checked(WORDS, data, data)[1] == ""


def test_the_check_is_part_of_reading(docx: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "tidy", lambda text: "")
    media = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

    assert "Words of the first part." in office.OfficeReader(media, "word/").read(RawFile("a.docx", docx)).text
