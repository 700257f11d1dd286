"""What a file's first bytes say it is, whatever its name says. Pure."""

from __future__ import annotations

import io
import re
import zipfile
from enum import StrEnum

from ingestion.converters.content import DAMAGE


class FileType(StrEnum):
    """What a file can be told to be by its first bytes, in words with their article."""

    PDF = "a PDF"
    ZIP = "a zip archive"
    EMPTY_ZIP = "an empty zip archive"
    COMPOUND = "an old Office or encrypted document"
    PNG = "a PNG image"
    JPEG = "a JPEG image"
    GIF = "a GIF image"
    GZIP = "a gzip archive"
    SEVEN_ZIP = "a 7-Zip archive"
    RAR = "a RAR archive"
    ELF = "a program"
    WINDOWS_PROGRAM = "a Windows program"
    SQLITE = "a SQLite database"
    RTF = "an RTF document"
    ZSTANDARD = "a Zstandard archive"
    HTML = "an HTML page"


_MAGIC = (
    (b"%PDF-", FileType.PDF),
    (b"PK\x03\x04", FileType.ZIP),
    (b"PK\x05\x06", FileType.EMPTY_ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileType.COMPOUND),
    (b"\x89PNG\r\n\x1a\n", FileType.PNG),
    (b"\xff\xd8\xff", FileType.JPEG),
    (b"GIF8", FileType.GIF),
    (b"\x1f\x8b", FileType.GZIP),
    (b"7z\xbc\xaf\x27\x1c", FileType.SEVEN_ZIP),
    (b"Rar!\x1a\x07", FileType.RAR),
    (b"\x7fELF", FileType.ELF),
    (b"MZ", FileType.WINDOWS_PROGRAM),
    (b"SQLite format 3\x00", FileType.SQLITE),
    (b"{\\rtf", FileType.RTF),
    (b"\x28\xb5\x2f\xfd", FileType.ZSTANDARD),
)
# Possessive: comments that may be cut into comments in other ways would be tried in all of them.
_HTML = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*+(?:<!--.*?-->\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)

# Some PDFs have mail headers or blank lines before their own; readers look at the first kilobyte.
_PDF_HEADER_WITHIN = 1024


def looks_like(data: bytes) -> FileType | None:
    """What the bytes are; None when nothing known: then it may be text."""
    head = data[:4096]
    for magic, what in _MAGIC:
        # Two letters begin many a text; of a Windows program more is known.
        if head.startswith(magic) and (magic != b"MZ" or b"\x00" in head):
            return what
    return FileType.HTML if _HTML.match(head) else None


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
_SUFFIXES = {FileType.PDF: ".pdf", FileType.RTF: ".rtf", FileType.HTML: ".html"}
_MAILBOX = re.compile(rb"\AFrom \S+ .*\d\d:\d\d.*\r?\n(?:[\w-]+: )")


def suffix_by_content(data: bytes) -> str | None:
    """The suffix that a file of this content should have, where that is certain; None where it may be text."""
    what = looks_like(data)
    if what is FileType.ZIP:
        return _in_archive(data)
    if what is FileType.COMPOUND:
        return _in_compound_file(data)
    if what is None and _MAILBOX.match(data):
        return ".mbox"
    return _SUFFIXES.get(what) if what else None


def _in_archive(data: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            stated = archive.open("mimetype").read(100) if "mimetype" in names else b""
    except DAMAGE:
        return None
    return _MIME_TYPES.get(stated.strip()) or next((_MEMBERS[name] for name in _MEMBERS if name in names), None)


def _in_compound_file(data: bytes) -> str | None:
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as storage:
            return next((suffix for stream, suffix in _STREAMS.items() if storage.exists(stream)), None)
    except DAMAGE:
        return None
