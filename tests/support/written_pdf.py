"""PDF files written by hand, so that what stands where is known and no further library is needed."""

from __future__ import annotations

import io
from collections.abc import Sequence

Line = Sequence[str]
_LEFT, _TOP, _LEADING, _COLUMN = 72, 720, 18, 140


class Large(str):
    """A line in large, bold letters."""


def written_pdf(pages: Sequence[Sequence[str | Line]], password: str | None = None) -> bytes:
    """A page for each list of lines; a line that is a list itself has its words in columns. Latin letters only."""
    font = 3 + 2 * len(pages)
    fonts = b"/F1 %d 0 R/F2 %d 0 R" % (font, font + 1)
    kids = b" ".join(b"%d 0 R" % (3 + 2 * number) for number in range(len(pages)))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages))]
    for number, lines in enumerate(pages):
        content = _content(lines)
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R/Resources<</Font<<%s>>>>>>"
        objects.append(page % (4 + 2 * number, fonts))
        objects.append(b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content))
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>")
    data = _file(objects)
    return data if password is None else _encrypted(data, password)


def _content(lines: Sequence[str | Line]) -> bytes:
    shown = []
    for number, line in enumerate(lines):
        font = b"/F2 18" if isinstance(line, Large) else b"/F1 12"
        for column, words in enumerate([line] if isinstance(line, str) else line):
            at = (_LEFT + column * _COLUMN, _TOP - number * _LEADING)
            shown.append(b"BT %s Tf %d %d Td (%s) Tj ET" % (font, *at, words.encode("latin-1")))
    return b"\n".join(shown)


def _file(objects: Sequence[bytes]) -> bytes:
    body, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return body + end % (size, table, size, len(body))


def _encrypted(data: bytes, password: str) -> bytes:
    import pypdf

    writer = pypdf.PdfWriter(io.BytesIO(data))
    writer.encrypt(password, algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
