"""A PDF page by page, one line to a line, with its headings and tables, and what of it is not in the text."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import tidy
from ingestion.converters.checks.word_recall import LEAST_RECALL, whole_word_recall, word_count, word_recall
from ingestion.converters.content import Content, RawFile
from ingestion.converters.file_type import is_pdf, looks_like
from ingestion.converters.pdf.headings import plain_words
from ingestion.converters.pdf.layout import LaidLine, laid_lines
from ingestion.converters.pdf.page_text import ligatures_in_order, looks_glued, readable, unglued, unreadable
from ingestion.converters.pdf.running_lines import without_running_lines
from ingestion.converters.pdf.scans import SCAN, recognised, with_marks
from ingestion.converters.pdf.second_reader import SecondReader
from ingestion.converters.pdf.structure import as_markdown, marked, without_marks
from ingestion.converters.pdf.title import drawn_title
from ingestion.converters.recognition.tesseract import Recognition
from ingestion.converters.titles import first_good, name_title

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_MEDIA_TYPE = "application/pdf"

# So many characters of a page may be of a font without letters before that is told: bullets are.
_MOST_UNREADABLE = 20

_ENDS = ".!?:;…。！？"

# What is attached to a message is not put through recognition, so for it the setting would be no help.
_OCR_HINT = "Run it through text recognition (OCR) first, or, if it is a file of its own, set RAGLOOP_OCR=on."


# The second reader takes longer than the first. It sees the first pages of a file, each one that looks odd, and every
# so many of the others; all of them where one that it saw is not whole.
_FIRST_PAGES = 10
_EVERY = 5
_FEW_WORDS = 0.5


_DEEPEST_BOOKMARK = 6
_MOST_BOOKMARKS = 5000


@dataclass(frozen=True, slots=True)
class _Page:
    """A page's text, and in what respect it is not all of it ("" if it is). `dark` counts its unreadable characters,
    `lines` are where they stand, if that is known; `scanned` says that it was read off a picture."""

    text: str
    missing: str = ""
    dark: int = 0
    lines: tuple[LaidLine, ...] = ()
    scanned: bool = False


@dataclass(frozen=True, slots=True)
class PdfReader:
    """The text by PDFium, within the page's box wherever that begins. A second reader looks at some
    of the pages, and at all where one of those is not whole."""

    def read(self, file: RawFile) -> Content:
        if not is_pdf(file.data):
            what = looks_like(file.data) or "not a PDF"
            raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {what}.")
        with closing(_opened(file.data)) as document:
            second = SecondReader(file.data)
            pages = _checked(_structured(_read(document), _bookmarks(document)), second)
            named = document.get_metadata_value("Title")
            pages = _recognised(document, pages, file.recognition)
        title = first_good(drawn_title(second.spans(0), pages[0].text if pages else ""), named) or name_title(file.name)
        kept = without_running_lines([page.text for page in pages])
        shown = (with_marks(text) if page.scanned else text for page, text in zip(pages, kept, strict=True))
        text, page_starts = joined_pages([as_markdown(page) for page in shown])
        missing = "; ".join(_told(pages))
        if not text:
            reason = f"The PDF has no text: {missing}." if missing else "The PDF has no text."
            raise ConversionError(FailureKind.EMPTY, reason, hint="" if file.recognition else _OCR_HINT)
        return Content(text, title, TextFormat.LAID_OUT, _MEDIA_TYPE, page_starts, missing)


def joined_pages(pages: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The pages' text in one, and where each begins; an empty page where the next does. Between two is a blank line, or
    only the end of a line where a sentence goes on."""
    text = ""
    starts = []
    for page in pages:
        content = tidy(page)
        if text and content:
            text += "\n" if _goes_on(text, content) else "\n\n"
        starts.append(len(text) if content else -1)
        text += content
    # From the end: what an empty page begins with is what the next begins with.
    following = len(text)
    for place in reversed(range(len(starts))):
        starts[place] = following = starts[place] if starts[place] >= 0 else following
    return text, tuple(starts)


def _goes_on(before: str, page: str) -> bool:
    """Whether the page begins amid a sentence: small, and no mark ends what stands before it."""
    return before[-1] not in f"{_ENDS}|" and page[0].islower()


def _opened(data: bytes) -> PdfDocument:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ConversionError(
                FailureKind.ENCRYPTED,
                "The file is protected by a password.",
                hint="Remove the password, or leave the file out of the folder.",
            ) from error
        raise ConversionError(FailureKind.MALFORMED, f"The file is damaged: {error}.") from error


def _read(document: PdfDocument) -> list[_Page]:
    import pypdfium2

    pages = []
    for number in range(len(document)):
        try:
            with closing(document[number]) as page, closing(page.get_textpage()) as reading:
                pages.append(_read_page(page, reading))
        except pypdfium2.PdfiumError:
            pages.append(_Page("", "cannot be opened"))
    return pages


def _read_page(page: PdfPage, reading: PdfTextPage) -> _Page:
    drawn = _drawn(reading)
    if not drawn.strip():
        return _Page("", SCAN if _has_image(page) else "")
    dark = unreadable(drawn)
    drawn = without_marks(drawn)
    lines: list[LaidLine] = []
    if len(drawn) == reading.count_chars():  # else offsets are not places on the page
        drawn = ligatures_in_order(drawn, lambda at: reading.get_charbox(at) == reading.get_charbox(at + 1))
        lines = laid_lines(reading, drawn)
    missing = f"{dark} characters in a font that does not say its letters" if dark > _MOST_UNREADABLE else ""
    return _Page(drawn, missing, dark, tuple(lines))


def _drawn(reading: PdfTextPage) -> str:
    """The text within the page's box. Where all of it is, with the spaces between columns, which no box holds."""
    within, whole = str(reading.get_text_bounded()), str(reading.get_text_range())
    return whole if "".join(within.split()) == "".join(whole.split()) else within


def _structured(pages: Sequence[_Page], bookmarks: Mapping[int, frozenset[str]]) -> list[_Page]:
    """The pages with their headings and tables marked, and made readable."""
    texts = marked([page.lines for page in pages], bookmarks)
    return [
        replace(page, text=readable(text if page.lines else page.text), lines=())
        for page, text in zip(pages, texts, strict=True)
    ]


def _bookmarks(document: PdfDocument) -> Mapping[int, frozenset[str]]:
    """What the document's bookmarks are called, by the page from 0 that they lead to."""
    import pypdfium2

    titles: dict[int, set[str]] = {}
    try:
        for bookmark in islice(document.get_toc(max_depth=_DEEPEST_BOOKMARK), _MOST_BOOKMARKS):
            place = bookmark.get_dest()
            page = place.get_index() if place else None
            if page is not None:
                titles.setdefault(page, set()).add(plain_words(bookmark.get_title()))
    except (pypdfium2.PdfiumError, ValueError, RuntimeError):
        return {}
    return {page: frozenset(found - {""}) for page, found in titles.items()}


def _checked(pages: Sequence[_Page], second: SecondReader) -> list[_Page]:
    """The pages, those that the second reader looked at as both have them."""
    usual = statistics.median(word_count(page.text) for page in pages) if pages else 0
    checked = list(pages)
    chosen = [number for number, page in enumerate(pages) if _is_chosen(number, page, usual)]
    whole = True
    for number in chosen:
        checked[number] = _compared(pages[number], second.page(number))
        whole = whole and checked[number].text == pages[number].text
    for number in [] if whole else sorted({*range(len(pages))}.difference(chosen)):
        checked[number] = _compared(pages[number], second.page(number))
    return checked


def _is_chosen(number: int, page: _Page, usual: float) -> bool:
    odd = bool(page.missing) or word_count(page.text) < usual * _FEW_WORDS or looks_glued(page.text)
    return odd or number < _FIRST_PAGES or number % _EVERY == 0


def _compared(page: _Page, other: str) -> _Page:
    """The page as the first reader has it, or the second, who found more."""
    if word_recall(page.text, other) >= LEAST_RECALL:
        return replace(page, text=unglued(page.text, other))
    if word_count(page.text) < word_count(other) and whole_word_recall(other, page.text) >= LEAST_RECALL:
        return _Page(without_marks(other))
    return replace(page, missing=f"{word_count(page.text)} words read, another reader finds {word_count(other)}")


def _recognised(document: PdfDocument, pages: list[_Page], recognition: Recognition | None) -> list[_Page]:
    """The pages, those that are pictures with what is written on them, if that is wanted."""
    if recognition is None:
        return pages
    numbers = [number for number, page in enumerate(pages) if page.missing == SCAN and not page.text]
    found = recognised(document, numbers, recognition)
    return [
        replace(page, text=found[number].text, missing=found[number].missing, scanned=True) if number in found else page
        for number, page in enumerate(pages)
    ]


def _has_image(page: PdfPage) -> bool:
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    return next(iter(page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=3)), None) is not None


def _told(pages: Sequence[_Page]) -> Iterator[str]:
    """What is missing, and on which pages, a sentence part for each kind: "pages 2-4: scan, no OCR"."""
    kinds: dict[str, list[int]] = {}
    for number, page in enumerate(pages, 1):
        if page.missing:
            kinds.setdefault(page.missing, []).append(number)
    for missing, numbers in kinds.items():
        yield f"{'page' if len(numbers) == 1 else 'pages'} {page_ranges(numbers)}: {missing}"


def page_ranges(numbers: Sequence[int]) -> str:
    """Page numbers in order as people write them: "2-4, 7"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
