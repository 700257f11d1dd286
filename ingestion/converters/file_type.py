"""What a file's first bytes say it is, whatever its name says. Pure."""

from __future__ import annotations

import io
import re
import struct
import zipfile

from ingestion.converters.zip_parts import UNREADABLE

_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office or encrypted document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"{\\rtf", "an RTF document"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
)
_HTML = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)

# Some PDFs have mail headers or blank lines before their own; readers look at the first kilobyte.
_PDF_HEADER_WITHIN = 1024


def looks_like(data: bytes) -> str | None:
    """What the bytes are, with its article ("a PDF", "an HTML page"); None when nothing known: then it may be text."""
    head = data[:4096]
    for magic, what in _MAGIC:
        # Two letters begin many a text; of a Windows program more is known.
        if head.startswith(magic) and (magic != b"MZ" or b"\x00" in head):
            return what
    return "an HTML page" if _HTML.match(head) else None


def is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:_PDF_HEADER_WITHIN]


# What an archive of an office document holds, and what a compound file of an older one.
_MEMBERS = {"word/document.xml": ".docx", "ppt/presentation.xml": ".pptx", "xl/workbook.xml": ".xlsx"}
_MIME_TYPES = {
    b"application/vnd.oasis.opendocument.text": ".odt",
    b"application/vnd.oasis.opendocument.spreadsheet": ".ods",
    b"application/vnd.oasis.opendocument.presentation": ".odp",
    b"application/epub+zip": ".epub",
}
_STREAMS = {
    "__properties_version1.0": ".msg",
    "WordDocument": ".doc",
    "Workbook": ".xls",
    "Book": ".xls",
    "PowerPoint Document": ".ppt",
}
_MAILBOX = re.compile(rb"\AFrom \S+ .*\d\d:\d\d.*\r?\n(?:[\w-]+: )")


def suffix_by_content(data: bytes) -> str | None:
    """The suffix that a file of this content should have, where that is certain; None where it may be text."""
    what = looks_like(data)
    if what == "a zip archive":
        return _in_archive(data)
    if what == "an old Office or encrypted document":
        return _in_compound_file(data)
    if what is None and _MAILBOX.match(data):
        return ".mbox"
    return {"a PDF": ".pdf", "an RTF document": ".rtf", "an HTML page": ".html"}.get(what or "")


def _in_archive(data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            stated = archive.open("mimetype").read(100) if "mimetype" in names else b""
    except UNREADABLE:
        return None
    return _MIME_TYPES.get(stated.strip()) or next((_MEMBERS[name] for name in _MEMBERS if name in names), None)


def _in_compound_file(data: bytes) -> str | None:
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as storage:
            return next((suffix for stream, suffix in _STREAMS.items() if storage.exists(stream)), None)
    except (OSError, ValueError, IndexError, struct.error):
        return None
