"""Pages of a PDF that are pictures, read by text recognition where that is wanted."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.clean_text import tidy
from ingestion.converters.recognition.tesseract import NotRecognised, Recognition

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

SCAN = "scan, no OCR"
"""What is said of a page that only shows a picture."""

NOTHING_FOUND = "scan, OCR found no text"

MARK = "[text recognized from a scan]"
"""Stands above recognised text, again and again, so that a passage has it wherever it begins."""

_MARK_EVERY = 400  # characters; a passage has about a thousand

# As tesseract reads best, and at most so many dots: a poster would take all the memory.
_DOTS_PER_INCH = 300
_POINTS_PER_INCH = 72
_MOST_DOTS = 25_000_000


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """What was recognised on a page, or why nothing was."""

    text: str
    missing: str = ""


def recognised(document: PdfDocument, numbers: Sequence[int], recognition: Recognition) -> Mapping[int, ScannedPage]:
    """The pages by their number from 0, as many as there is time for. Their text is yet without the mark."""
    ends = time.monotonic() + recognition.document_seconds
    return {number: _recognised(document, number, recognition, ends) for number in numbers}


def _recognised(document: PdfDocument, number: int, recognition: Recognition, ends: float) -> ScannedPage:
    seconds = min(recognition.page_seconds, ends - time.monotonic())
    if seconds <= 0:
        return ScannedPage("", NotRecognised.OUT_OF_TIME.value)
    with closing(document[number]) as page:
        image, dots_per_inch = _picture(page)
    text = recognition.text(image, dots_per_inch, seconds)
    if isinstance(text, NotRecognised):
        return ScannedPage("", text.value)
    said = tidy(text)
    return ScannedPage(said) if any(map(str.isalnum, said)) else ScannedPage("", NOTHING_FOUND)


def with_marks(text: str) -> str:
    """Recognised text with the mark above it, and again above lines that are far from the last."""
    parts, since = [], _MARK_EVERY
    for line in text.split("\n"):
        if since >= _MARK_EVERY and line:
            parts.append(MARK)
            since = 0
        parts.append(line)
        since += len(line)
    return "\n".join(parts)


def _picture(page: PdfPage) -> tuple[bytes, int]:
    """The page in grey as a PGM file, and its resolution."""
    inches = page.get_width() * page.get_height() / _POINTS_PER_INCH**2
    dots_per_inch = min(_DOTS_PER_INCH, int(math.sqrt(_MOST_DOTS / max(inches, 1e-6))))
    with closing(page.render(scale=max(dots_per_inch, 1) / _POINTS_PER_INCH, grayscale=True)) as bitmap:
        width, height, stride = bitmap.width, bitmap.height, bitmap.stride
        dots = bytes(bitmap.buffer)
    rows = b"".join(dots[row * stride : row * stride + width] for row in range(height))
    return b"P5 %d %d 255\n" % (width, height) + rows, dots_per_inch
