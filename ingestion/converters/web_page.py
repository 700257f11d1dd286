"""HTML: the main text of the page as markdown, without navigation and notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import canonical, tidy
from ingestion.converters.checks.word_recall import LEAST_RECALL, whole_word_recall, word_count
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

# And so are these, by the names that pages give them.
_BESIDE_NAMES = re.compile(r"comment|footer|sidebar|cookie|related|menu|navi", re.IGNORECASE)

# Lines of so many words are sentences of the text, not of a menu. Of 70 pages of Rust's documentation and docling's and
# markitdown's large ones the main text had .97 of these lines' words or more, or, where it was broken off, .12 to .44:
# then the whole page is read. In between a part of the text may be missing, or something beside it has no name that
# says so, and the page is named.
_LINE_WORDS = 12
_LEAST_OF_LINES = 0.5


@dataclass(frozen=True, slots=True)
class WebPageReader:
    """Main text by trafilatura; the whole page where that is small or leaves much out; the bare text of its elements
    where both parsers give up, as they do with thousands of elements in one another."""

    def read(self, file: RawFile) -> Content:
        what = looks_like(file.data)
        if what not in (None, FileType.HTML):
            raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {what}.")
        html = _spelled_out(canonical(decode(file.data, declared=True).text))
        prose = _Prose.of(html)
        text = _text(html, prose)
        title = first_good(_title(html), first_heading(text)) or name_title(file.name)
        return Content(text, title, TextFormat.MARKDOWN, "text/html", missing=prose.missing_in(text))


@dataclass(frozen=True, slots=True)
class _Prose:
    """What a page's text must hold: how many words, and which."""

    words: int
    lines: str

    @classmethod
    def of(cls, html: str) -> _Prose:
        bare = _bare_text(html, _BESIDE)
        return cls(word_count(bare), "\n".join(line for line in bare.split("\n") if word_count(line) >= _LINE_WORDS))

    def is_in(self, text: str) -> bool:
        enough = word_count(text) >= self.words * _LEAST_OF_PROSE
        return enough and whole_word_recall(text, self.lines) >= _LEAST_OF_LINES

    def missing_in(self, text: str) -> str:
        """In words; empty where no more is missing than a notice."""
        share = whole_word_recall(text, self.lines)
        return (
            f"Only {share:.0%} of the longer lines of the page were read as its text." if share < LEAST_RECALL else ""
        )


def _text(html: str, prose: _Prose) -> str:
    """The main text, or the whole page where that is small; where the prose is not in it, a more generous main text,
    the whole page, or what its elements hold."""
    text = _main_text(html)
    if word_count(text) < _SMALL_PAGE_WORDS:
        whole = _whole_page(html)
        if word_count(text) < word_count(whole) < _SMALL_PAGE_WORDS:
            text = whole
    return next((page for page in _readings(text, html) if page and prose.is_in(page)), None) or _bare_text(html)


def _readings(main: str, html: str) -> Iterator[str]:
    yield main
    yield _main_text(html, generous=True)
    yield _whole_page(html)


def _spelled_out(html: str) -> str:
    """The page with its spans written out, unless that loses words: behind 2,048 elements in one another its parser
    gives up."""
    written = with_spans_written_out(html)
    return written if written == html or word_count(_bare_text(written)) >= word_count(_bare_text(html)) else html


def _main_text(html: str, *, generous: bool = False) -> str:
    import trafilatura

    # Precision, for menus and teasers are found in place of answers. It scored F1 .967 on 181 pages kept back; on
    # docling's 32 pages recall is .958 with precision, with recall and with neither.
    text = trafilatura.extract(
        html,
        output_format="markdown",
        include_comments=False,
        include_tables=True,
        favor_precision=not generous,
        favor_recall=generous,
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
    """Collects what stands in the elements of a page, however deep, but in those of the names in `unread` and, where
    there are such, in those that are called like what stands beside a text."""

    _UNSEEN = ("script", "style", "head", "template", "noscript")
    _NAMED = ("div", "section", "ul", "ol")
    _INLINE = ("a", "abbr", "b", "code", "em", "i", "small", "span", "strong", "sub", "sup", "u")

    def __init__(self, unread: tuple[str, ...]) -> None:
        super().__init__()
        self._skipped = (*self._UNSEEN, *unread)
        self.pieces: list[str] = []
        self._unseen = 0
        self._by_name = unread
        self._named = ""
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in self._skipped
        if self._inside:
            self._inside += tag == self._named
        elif self._by_name and tag in self._NAMED:
            names = " ".join(value or "" for key, value in attrs if key in ("class", "id"))
            self._named, self._inside = tag, int(_BESIDE_NAMES.search(names) is not None)
        self.pieces.append("" if tag in self._INLINE else "\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(self._unseen - (tag in self._skipped), 0)
        self._inside = max(self._inside - (tag == self._named), 0)
        self.pieces.append("" if tag in self._INLINE else "\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen and not self._inside:
            self.pieces.append(data)


def _bare_text(html: str, unread: tuple[str, ...] = ()) -> str:
    reader = _ElementText(unread)
    reader.feed(html)
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return tidy("\n\n".join(line for line in lines if line))


def _title(html: str) -> str:
    match = _TITLE.search(html)
    return unescape(match.group(1)) if match else ""
