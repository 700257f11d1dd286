"""The second reader of a PDF: pdf_oxide, which shares no code with PDFium."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdf_oxide import PdfDocument

# What the check of one file may take. It makes sure; it must not be what a file fails by.
_MOST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class PdfSpan:
    """A piece of text in one font; `size` in points, `bottom` its height on the page."""

    text: str
    size: float
    bottom: float


class SecondReader:
    """Reads single pages for comparison. A page that it cannot read, or has no time for, has nothing for it."""

    def __init__(self, data: bytes) -> None:
        self._document = _opened(data)
        self._left = _MOST_SECONDS

    def spans(self, number: int) -> list[PdfSpan]:
        """The pieces of a page, from 0, in reading order. Its plain text takes ten times as long: it looks through the
        whole document first."""
        if self._document is None or self._left <= 0:
            return []
        started = time.monotonic()
        try:
            found = self._document.extract_spans(number)
        except (RuntimeError, ValueError, IndexError, OSError):
            return []
        finally:
            self._left -= time.monotonic() - started
        return [PdfSpan(span.text, float(span.font_size), float(span.bbox[1])) for span in found]

    def page(self, number: int) -> str:
        """The text of a page, from 0."""
        return joined_spans(self.spans(number))


def joined_spans(spans: list[PdfSpan]) -> str:
    """Pieces on one line with a space between, the others on lines of their own. Pure."""
    parts = [span.text for span in spans[:1]]
    for before, span in pairwise(spans):
        same_line = abs(before.bottom - span.bottom) < max(before.size, span.size) / 2
        parts.extend((" " if same_line else "\n", span.text))
    return "".join(parts)


def _opened(data: bytes) -> PdfDocument | None:
    import pdf_oxide

    try:
        return pdf_oxide.PdfDocument.from_bytes(data)
    except (RuntimeError, ValueError, OSError):
        return None
