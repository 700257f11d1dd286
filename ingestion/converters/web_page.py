"""HTML: the main text of the page as markdown, without navigation and notices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import canonical, tidy
from ingestion.converters.checks.word_recall import word_count
from ingestion.converters.content import Content, RawFile
from ingestion.converters.file_type import FileType, looks_like
from ingestion.converters.table_spans import with_spans_written_out
from ingestion.converters.texts.decoder import decode
from ingestion.converters.titles import first_good, name_title
from ingestion.splitting.blocks import first_heading

_HEAD = re.compile(r"<head\b.*?</head\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)

# A page of fewer words than this has no navigation worth losing text for; on the small pages among docling's test
# files main-text extraction drops headings and link lists that are all there is.
_SMALL_PAGE_WORDS = 400


# What is read on a page beside its text: words that are not in these elements are its prose. A main text with less than
# this share of them is no good one. Of docling's and markitdown's pages those with menus have more words in their main
# text than in their prose; those that are texts with little markup, from which most was lost, had .22 to .57 of them.
_BESIDE = ("a", "nav", "header", "footer", "aside", "form", "button", "select", "label")
_LEAST_OF_PROSE = 0.6


@dataclass(frozen=True, slots=True)
class WebPageReader:
    """Main text by trafilatura; the whole page where that is small or leaves nothing; the bare text of its elements
    where both parsers give up, as they do with thousands of elements in one another."""

    def read(self, file: RawFile) -> Content:
        what = looks_like(file.data)
        if what not in (None, FileType.HTML):
            raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {what}.")
        html = _spelled_out(canonical(decode(file.data, declared=True).text))
        text = _main_text(html)
        least = word_count(_bare_text(html, _BESIDE)) * _LEAST_OF_PROSE
        if word_count(text) < max(_SMALL_PAGE_WORDS, least):
            text = _more(text, html, least)
        title = first_good(_title(html), first_heading(text)) or name_title(file.name)
        return Content(text, title, TextFormat.MARKDOWN, "text/html")


def _spelled_out(html: str) -> str:
    """The page with its spans written out, unless that loses words: behind 2,048 elements in one another its parser
    gives up."""
    written = with_spans_written_out(html)
    return written if written == html or word_count(_bare_text(written)) >= word_count(_bare_text(html)) else html


def _more(text: str, html: str, least: float) -> str:
    """Instead of a main text that is small or of fewer words than `least`: the whole page, or what its elements hold;
    never less."""
    whole = _whole_page(html)
    small = word_count(whole) < _SMALL_PAGE_WORDS
    if (small or word_count(text) < least) and word_count(whole) > word_count(text):
        text = whole
    return text if text and word_count(text) >= least else _bare_text(html)


def _main_text(html: str) -> str:
    import trafilatura

    # Precision, for menus and teasers are found in place of answers.
    text = trafilatura.extract(
        html, output_format="markdown", include_comments=False, include_tables=True, favor_precision=True
    )
    return tidy(text or "")


def _whole_page(html: str) -> str:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(use_cache=False, output_format="markdown")
    # Its metadata would come out as the beginning of the text.
    page = _HEAD.sub("", html).encode()
    try:
        return tidy(kreuzberg.extract_bytes_sync(page, "text/html", config=config).content)
    except kreuzberg.KreuzbergError as error:
        raise ConversionError(FailureKind.MALFORMED, f"The page could not be parsed: {error}.") from error


class _ElementText(HTMLParser):
    """Collects what stands in the elements of a page, however deep, but in those of the names in `unread`."""

    _UNSEEN = ("script", "style", "head", "template", "noscript")
    _INLINE = ("a", "abbr", "b", "code", "em", "i", "small", "span", "strong", "sub", "sup", "u")

    def __init__(self, unread: tuple[str, ...]) -> None:
        super().__init__()
        self._skipped = (*self._UNSEEN, *unread)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 the base class's signature
        self._unseen += tag in self._skipped
        self.pieces.append("" if tag in self._INLINE else "\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(self._unseen - (tag in self._skipped), 0)
        self.pieces.append("" if tag in self._INLINE else "\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(data)


def _bare_text(html: str, unread: tuple[str, ...] = ()) -> str:
    reader = _ElementText(unread)
    reader.feed(html)
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return tidy("\n\n".join(line for line in lines if line))


def _title(html: str) -> str:
    match = _TITLE.search(html)
    return unescape(match.group(1)) if match else ""
