"""Scanned pages of a PDF: named where text is not to be recognised, read and marked where it is, within their time."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pdf_oxide
import pypdf
import pytest

from core.errors import ConversionError, FailureKind, SettingsError
from core.settings import Settings, load_settings
from ingestion.converters.content import Content, RawFile
from ingestion.converters.pdf.reader import PdfReader
from ingestion.converters.pdf.scans import MARK, NOTHING_FOUND, SCAN, with_marks
from ingestion.converters.recognition.tesseract import NotRecognised, Recognition
from ingestion.converters.registry import FileConverter
from tests.support.needs import Need, requires
from tests.support.written_pdf import Large, written_pdf

WORDS = ["The emergency number of the harbour is 4471.", "A berth costs 14 euros a night."]
TYPED = ["This page is typed and says that the office opens at nine."]


def scanned(*pages: list[str]) -> bytes:
    """A PDF whose pages are pictures of the lines."""
    return bytes(pdf_oxide.PdfDocument.from_bytes(written_pdf(pages)).flatten_to_images(150))


def joined(*files: bytes) -> bytes:
    writer, buffer = pypdf.PdfWriter(), io.BytesIO()
    for file in files:
        writer.append(io.BytesIO(file))
    writer.write(buffer)
    return buffer.getvalue()


def read(data: bytes, recognition: Recognition | None) -> Content:
    return PdfReader().read(RawFile("a.pdf", data, recognition))


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A tesseract that does as the script says."""
    path = folder / "tesseract"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


HOW = Recognition("eng", page_seconds=20, document_seconds=40, version="5")


@requires(Need.TESSERACT)
@pytest.mark.slow
def test_tesseract_reads_a_scanned_page_and_its_text_is_marked() -> None:
    recognition = Recognition.of(load_settings(ocr=True))
    content = read(joined(written_pdf([TYPED]), scanned(WORDS)), recognition)

    assert content.missing == ""
    typed, read_off = content.text[: content.page_starts[1]], content.text[content.page_starts[1] :]
    assert typed.split() == TYPED[0].split()
    assert read_off.startswith(f"{MARK}\n")
    assert "emergency number of the harbour is 4471" in " ".join(read_off.split())


def test_a_scan_is_named_and_not_read_unless_that_is_wanted() -> None:
    assert read(joined(written_pdf([TYPED]), scanned(WORDS)), None).missing == f"page 2: {SCAN}"
    with pytest.raises(ConversionError) as refused:
        read(scanned(WORDS), None)
    assert refused.value.kind is FailureKind.EMPTY
    assert "RAGLOOP_OCR=on" in refused.value.hint
    assert "if it is a file of its own" in refused.value.hint


def test_only_pages_that_are_pictures_are_put_through_recognition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, f"cat > /dev/null; echo called >> {tmp_path}/calls; echo Harbour rules")
    content = read(joined(written_pdf([TYPED, []]), scanned(WORDS)), HOW)

    assert (tmp_path / "calls").read_text() == "called\n"
    assert content.text == f"{TYPED[0]}\n\n{MARK}\nHarbour rules"


def test_pages_for_which_there_is_no_time_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "cat > /dev/null; exec sleep 30")
    data = joined(written_pdf([TYPED]), scanned(WORDS), scanned(WORDS))
    quick = Recognition("eng", page_seconds=20, document_seconds=0.3, version="5")

    assert read(data, quick).missing == f"pages 2-3: {NotRecognised.OUT_OF_TIME.value}"


@pytest.mark.parametrize("script", ["cat > /dev/null", "cat > /dev/null; echo '~ . |'"])
def test_a_scan_on_which_nothing_is_found_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(tmp_path, monkeypatch, script)
    assert read(joined(written_pdf([TYPED]), scanned([Large("x")])), HOW).missing == f"page 2: {NOTHING_FOUND}"


@pytest.mark.parametrize("script", ["exit 1", "cat > /dev/null; kill -9 $$"])
def test_a_scan_over_which_recognition_fails_is_not_said_to_be_without_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(tmp_path, monkeypatch, script)
    content = read(joined(written_pdf([TYPED]), scanned(WORDS)), HOW)
    assert content.missing == f"page 2: {NotRecognised.FAILED.value}"


def test_each_scanned_page_has_the_mark_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = f"cat > /dev/null; echo x >> {tmp_path}/calls; echo Rule $(wc -l < {tmp_path}/calls): "
    program(tmp_path, monkeypatch, page + "of boats and nets " * 16)
    content = read(scanned(*[WORDS] * 8), HOW)
    ends = (*content.page_starts[1:], len(content.text))

    assert len(ends) == 8
    for start, end in zip(content.page_starts, ends, strict=True):
        assert content.text[start:end].startswith(f"{MARK}\nRule ")


@pytest.mark.parametrize("between", ["\n\n", "\n"], ids=["paragraphs", "lines"])
def test_a_long_page_has_the_mark_again_and_again(between: str) -> None:
    text = between.join(f"Paragraph {number} " + ("of the rules " * 12).strip() for number in range(12))
    parts = with_marks(text).split(MARK)

    assert parts[0] == ""
    assert max(map(len, parts)) < 700
    assert "".join(part.removeprefix("\n") for part in parts) == text


# -- what is set


def test_without_tesseract_recognition_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError) as refused:
        FileConverter.of(load_settings(ocr=True))
    assert "apt-get install tesseract-ocr" in refused.value.hint
    assert FileConverter.of(load_settings()).recognition is None


def test_a_language_that_tesseract_lacks_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, 'printf "List of available languages (2):\\neng\\nosd\\n"')
    with pytest.raises(SettingsError) as refused:
        Recognition.of(load_settings(ocr=True, ocr_languages="eng+deu"))
    assert "deu" in refused.value.message
    assert "tesseract-ocr-deu" in refused.value.hint


def test_documents_are_read_again_when_recognition_is_switched_on_or_has_other_languages_or_more_time() -> None:
    ways = [None, HOW, Recognition("eng+deu", 20, 40, "5"), Recognition("eng", 20, 900, "5")]
    assert len({FileConverter(10**6, recognition=way).fingerprint for way in ways}) == 4


def test_recognition_must_end_before_the_conversion_is_given_up() -> None:
    with pytest.raises(SettingsError, match="ocr_document_seconds must be less than convert_timeout_seconds"):
        load_settings(ocr=True, ocr_document_seconds=60)
    assert Settings(ocr_document_seconds=60).ocr is False
