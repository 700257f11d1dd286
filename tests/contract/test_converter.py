"""What every Converter promises, tried on FileConverter with one file of each kind, good and lying."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from core.errors import ConversionError, FailureKind
from core.ports import LocalFile
from core.types import Document, SourceItem
from ingestion.converters.content import RawFile
from ingestion.converters.registry import FileConverter
from tests.support.written_pdf import written_pdf

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
HTML = b"<!doctype html><html><body><p>Some words.</p></body></html>"


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


def _docx() -> bytes:
    import docx

    document = docx.Document()
    document.add_paragraph("Some words.")
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


GOOD = {
    "a.md": b"# Title\n\nSome words.\n",
    "a.MARKDOWN": b"Some words.",
    "a.txt": b"Some words.\n",
    "a.html": HTML,
    "a.htm": b"<p>Some words.",
    "a.pdf": written_pdf([["Some words."]]),
    "a.docx": _docx(),
    "a.rst": b"Title\n=====\n\nSome words.\n",
    "a.csv": b"Heading\nSome words.\n",
    "a.json": b'{"said": "Some words."}',
    "a.ipynb": b'{"cells": [{"cell_type": "markdown", "source": "Some words."}]}',
    "a.eml": b"Subject: Hello\n\nSome words.\n",
    "a.mbox": b"From a@b Fri Mar  6 09:30:00 2026\nSubject: Hello\n\nSome words.\n",
    "a.rtf": rb"{\rtf1\ansi Some words.}",
    "README": b"Some words.\n",
    "page.pdf": HTML,  # what a file certainly is counts for more than its name
    "page.docx": HTML,
    "report.html": written_pdf([["Some words."]]),
}

LYING = {
    "image.pdf": (PNG, FailureKind.MISMATCH, "PNG"),
    "archive.pdf": (_zip(a=b"x"), FailureKind.MISMATCH, "zip"),
    "cut.pdf": (written_pdf([["Some words."]])[:200], FailureKind.MALFORMED, "damaged"),
    "secret.pdf": (written_pdf([["Some words."]], "secret"), FailureKind.ENCRYPTED, "password"),
    "image.doc": (PNG, FailureKind.MISMATCH, "PNG"),
    "image.eml": (PNG, FailureKind.MISMATCH, "no headers"),
    "image.msg": (PNG, FailureKind.MALFORMED, "damaged"),
    "image.mbox": (PNG, FailureKind.MISMATCH, "mailbox"),
    "image.csv": (PNG, FailureKind.MISMATCH, "binary"),
    "image.odp": (PNG, FailureKind.MISMATCH, "PNG"),
    "image.rtf": (PNG, FailureKind.MISMATCH, "PNG"),
    "image.ipynb": (PNG, FailureKind.MISMATCH, "binary"),
    "image.md": (PNG, FailureKind.MISMATCH, "PNG"),
    "noise.txt": (bytes(range(256)) * 40, FailureKind.MISMATCH, "binary"),
    "other.docx": (_zip(readme=b"hello"), FailureKind.MISMATCH, "something else"),
    "cut.docx": (_docx()[:2000], FailureKind.MALFORMED, "damaged"),
    "hollow.docx": (_zip(word__nothing=b""), FailureKind.MALFORMED, "damaged"),
    "old.docx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), FailureKind.MISMATCH, "older Office"),
    "locked.docx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        FailureKind.ENCRYPTED,
        "password",
    ),
    "bomb.docx": (_zip(word__document_xml=bytes(200_000_000)), FailureKind.TOO_LARGE, "unpacks"),
    "empty.md": (b"", FailureKind.EMPTY, "empty"),
    "empty.pdf": (b"", FailureKind.EMPTY, "empty"),
    "blank.md": (b" \n\n\t\n", FailureKind.EMPTY, "no text"),
    "blank.html": (b"<html><body></body></html>", FailureKind.EMPTY, "no text"),
    "huge.md": (b"word " * 400_000, FailureKind.TOO_LARGE, "2.0 MB"),
    "strange.xyz": (b"words", FailureKind.MISMATCH, "not supported"),
}


@pytest.fixture
def converter() -> FileConverter:
    return FileConverter(max_file_bytes=1_500_000)


def convert(converter: FileConverter, folder: Path, name: str, data: bytes) -> Document:
    path = folder / name
    path.write_bytes(data)
    item = SourceItem(f"docs/{name}", "docs", "1", len(data), ("hr",))
    return converter.convert(LocalFile(path, name), item)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_becomes_a_document(converter: FileConverter, tmp_path: Path, name: str) -> None:
    document = convert(converter, tmp_path, name, GOOD[name])
    item = SourceItem(f"docs/{name}", "docs", "1", 1, ("hr",))
    opened = converter.opened(RawFile(name, GOOD[name]), item)  # of a mailbox the words come with it
    texts = [document.text, *(converter.opened(one.file, one.item).document.text for one in opened.attached)]

    assert "Some words." in texts[-1]
    assert document.uri == f"docs/{name}"
    assert document.title
    assert document.access == ("hr",)
    assert document.content_sha256 == hashlib.sha256(GOOD[name]).hexdigest()
    assert "\r" not in document.text
    assert "\x00" not in document.text


@pytest.mark.parametrize("name", GOOD)
def test_conversion_is_deterministic(converter: FileConverter, tmp_path: Path, name: str) -> None:
    assert convert(converter, tmp_path, name, GOOD[name]) == convert(converter, tmp_path, name, GOOD[name])


@pytest.mark.parametrize("name", LYING)
def test_a_lying_file_is_refused_with_a_reason(converter: FileConverter, tmp_path: Path, name: str) -> None:
    data, kind, reason = LYING[name]
    with pytest.raises(ConversionError) as error:
        convert(converter, tmp_path, name, data)

    assert error.value.kind is kind
    assert reason in error.value.message


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.pdf"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ConversionError) as error:
        FileConverter(10**6).convert(LocalFile(path, path.name), SourceItem("docs/x", "docs", "1", 1))
    assert error.value.kind is FailureKind.TOO_LARGE


def test_a_file_that_is_gone_or_no_file_cannot_be_read(converter: FileConverter, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    for path in (tmp_path / "gone.md", tmp_path, tmp_path / "pipe.md"):
        with pytest.raises(ConversionError) as error:
            converter.convert(LocalFile(path, "a.md"), SourceItem("docs/x", "docs", "1", 1))
        assert error.value.kind is FailureKind.UNREADABLE


def test_the_fingerprint_is_stable(converter: FileConverter) -> None:
    assert converter.fingerprint == FileConverter(1).fingerprint
    assert len(converter.fingerprint) == 64
