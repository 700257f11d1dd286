"""HTML: the main text of the page as markdown, without navigation and notices."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import canonical, tidy
from ingestion.converters.content import Content, RawFile
from ingestion.converters.decoder import decode
from ingestion.converters.file_type import looks_like
from ingestion.converters.titles import first_good, name_title
from ingestion.splitting.blocks import first_heading

_HEAD = re.compile(r"<head\b.*?</head\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"\w+")

# A page of fewer words than this has no navigation worth losing text for; on the small pages among docling's test
# files main-text extraction drops headings and link lists that are all there is.
_SMALL_PAGE_WORDS = 400


@dataclass(frozen=True, slots=True)
class WebPageReader:
    """Main text by trafilatura; the whole page where that is small or leaves nothing."""

    def read(self, file: RawFile) -> Content:
        what = looks_like(file.data)
        if what not in (None, "an HTML page"):
            raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {what}.")
        html = canonical(decode(file.data, declared=True))
        text = _main_text(html)
        if _words(text) < _SMALL_PAGE_WORDS:
            whole = _whole_page(html)
            if _words(whole) < _SMALL_PAGE_WORDS or not text:
                text = whole
        title = first_good(_title(html), first_heading(text)) or name_title(file.name)
        return Content(text, title, TextFormat.MARKDOWN, "text/html")


def _main_text(html: str) -> str:
    import trafilatura

    text = trafilatura.extract(
        html, output_format="markdown", include_comments=False, include_tables=True, favor_recall=True
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


def _title(html: str) -> str:
    from html import unescape

    match = _TITLE.search(html)
    return unescape(match.group(1)) if match else ""


def _words(text: str) -> int:
    return len(_WORD.findall(text))
