"""Nothing of an office file is lost in silence: its XML is read a second time."""

from __future__ import annotations

import io
import zipfile

import kreuzberg
import pytest

from core.errors import ConversionError, FailureKind
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


def test_words_with_a_tab_a_space_or_a_line_break_between_them_stay_apart(convert: Convert) -> None:
    blanks = "Zone<text:line-break/>East<text:tab/>berth<text:s/>7"
    row = cell(p(blanks)) + cell(p(blanks), p("more"))
    lines = convert(
        "a.odt", open_document(f"{p(blanks)}<table:table><table:table-row>{row}</table:table-row></table:table>")
    ).text.split("\n")

    assert "Zone East berth 7" in lines
    assert "| Zone East berth 7 | Zone East berth 7 more |" in lines


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


def damaged(*names: str, within: bytes) -> bytes:
    """The archive with a wrong checksum for these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(within)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in dict.fromkeys([*source.namelist(), *names]):
            target.writestr(name, b"broken here" if name in names else source.read(name))
    return buffer.getvalue().replace(b"broken here", b"broken herE")


def test_a_damaged_picture_in_a_word_file_loses_no_text(convert: Convert, docx: bytes) -> None:
    document = convert("a.docx", damaged("docProps/thumbnail.jpeg", within=docx))

    assert document.text == convert("b.docx", docx).text


@pytest.mark.parametrize("suffix", ["odt", "odp"])
def test_a_damaged_picture_in_an_open_document_loses_no_text(convert: Convert, suffix: str) -> None:
    data = open_document(f'<draw:page xmlns:draw="d">{p(WORDS)}</draw:page>' if suffix == "odp" else p(WORDS))

    assert WORDS in convert(f"a.{suffix}", damaged("Thumbnails/thumbnail.png", within=data)).text


@pytest.mark.parametrize("suffix", ["docx", "odt", "odp"])
def test_a_damaged_text_of_an_office_file_is_named_as_such(convert: Convert, docx: bytes, suffix: str) -> None:
    body, within = ("word/document.xml", docx) if suffix == "docx" else ("content.xml", open_document(""))

    with pytest.raises(ConversionError, match="The file is damaged: Bad CRC") as caught:
        convert(f"a.{suffix}", damaged(body, within=within))
    assert caught.value.kind is FailureKind.MALFORMED


def test_a_damaged_part_does_not_stop_the_check_of_the_others() -> None:
    body = f'<w:document xmlns:w="w"><w:p><w:r><w:t>{WORDS}</w:t></w:r></w:p></w:document>'
    data = damaged("word/footnotes.xml", within=archive(word__document=body))

    assert checked("", data, data)[0] == WORDS


def test_a_damaged_part_that_has_text_is_named() -> None:
    data = damaged("xl/worksheets/sheet2.xml", within=archive(word__document="<d/>"))

    assert checked(WORDS, data, data) == (WORDS, "damaged parts: xl/worksheets/sheet2.xml")


def test_a_reader_that_stumbles_over_a_checksum_says_that_the_file_is_damaged(
    docx: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise OSError("Invalid checksum")

    monkeypatch.setattr(kreuzberg, "extract_bytes_sync", stumble)
    with pytest.raises(ConversionError, match="The file is damaged: Invalid checksum"):
        office.OfficeReader("media", "word/").read(RawFile("a.docx", docx))
