"""A document's text as HTML, with one span of it marked.

The span is known in characters of the source, and rendering moves characters about. So two characters that occur
nowhere in the document are put around the span, the block it stands in is rendered with them, and they become <mark>.
Put in the wrong place they would change how the markdown reads (a heading would stop being one), so the rendering must
equal the one without them; else the next place is tried. Where none will do, the block is shown as it is in the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice, product
from typing import Any

from markdown_it.token import Token
from markupsafe import Markup

from app.pages.markdown import Links, html, own_links, parse, reparse, sanitise, split_tags, unused_characters
from core.types import TextFormat

# Markup that may stand at the beginning of a stretch before its text, from least to most, and at the end behind it.
_OPENINGS = (
    re.compile(r"[\s>*+\-#|]*"),
    re.compile(r"[\s>*+\-#|]*(?:\d{1,9}[.)]\s+)?[*_~`\[!|>]*"),
    re.compile(r"\s*(?:(?:```|~~~)[^\n]*\n)?\s*"),
    re.compile(r"\W*"),
    re.compile(r"\W*\d*\W*"),
)
_CLOSINGS = (
    re.compile(r"\s*$"),
    re.compile(r"[\s|]*$"),
    re.compile(r"[\s*_~`|#\])]*$"),
    re.compile(r"\W*(?:\]\([^()\s]*\)?)\W*$"),
    re.compile(r"\W*$"),
)

_LINE_END = re.compile(r"\r\n?|\n")

# Characters parsed, at most, in looking for a place: what a person waits for.
_PATIENCE = 200_000
_FEWEST_TRIES = 2


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Characters `start` to `end` of a text."""

    start: int
    end: int


def document_html(text: str, text_format: TextFormat, quote: TextSpan | None, links: Links = own_links) -> Markup:
    """The text with `quote` marked: its first <mark> has the id `quote`."""
    if text_format not in (TextFormat.MARKDOWN, TextFormat.LAID_OUT):
        return sanitise(_verbatim(text, quote))
    tokens, environment = parse(text, links, text_format)
    if quote is None:
        return sanitise(html(tokens, environment))

    def rendered(part: str) -> str:
        return html(reparse(part, environment, links, text_format), environment)

    return sanitise(_with_marked_block(text, quote, tokens, environment, rendered))


def _verbatim(text: str, quote: TextSpan | None) -> str:
    span = quote or TextSpan(0, 0)
    marked = text[span.start : span.end]
    middle = f'<mark id="quote">{escape(marked)}</mark>' if marked else ""
    # A line break right behind <pre> would be swallowed: one is put there to be.
    return f'<pre class="plain">\n{escape(text[: span.start])}{middle}{escape(text[span.end :])}</pre>'


def _with_marked_block(
    text: str, quote: TextSpan, tokens: Sequence[Token], environment: dict[str, Any], render: Callable[[str], str]
) -> str:
    # Lines as the parser counts them; str.splitlines knows more line ends than it does.
    lines = [0, *(match.end() for match in _LINE_END.finditer(text)), len(text)]
    before, inside, after = _around(tokens, quote, lines)
    region = TextSpan(lines[inside[0].first], lines[inside[-1].last]) if inside else quote
    source = text[region.start : region.end]
    # The quote may begin or end on the blank lines around its blocks.
    span = TextSpan(max(quote.start, region.start) - region.start, min(quote.end, region.end) - region.start)
    plain = html([token for block in inside for token in block.tokens], environment)
    marked = _marked(source, span, plain, render) or _verbatim(source, span)
    parts = (html([token for block in blocks for token in block.tokens], environment) for blocks in (before, after))
    return next(parts) + marked + next(parts)


@dataclass(frozen=True, slots=True)
class _Block:
    """A top-level block: its tokens and the lines it covers, `last` exclusive."""

    tokens: Sequence[Token]
    first: int
    last: int


def _blocks(tokens: Sequence[Token]) -> Iterator[_Block]:
    begin = 0
    for number, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            whole = tokens[begin : number + 1]
            first, last = whole[0].map or (0, 0)
            yield _Block(whole, first, last)
            begin = number + 1


def _around(
    tokens: Sequence[Token], quote: TextSpan, lines: Sequence[int]
) -> tuple[list[_Block], list[_Block], list[_Block]]:
    """The top-level blocks before the quote, those it touches, and those after it."""
    before: list[_Block] = []
    inside: list[_Block] = []
    after: list[_Block] = []
    for block in _blocks(tokens):
        if lines[min(block.last, len(lines) - 1)] <= quote.start:
            before.append(block)
        elif lines[block.first] >= quote.end:
            after.append(block)
        else:
            inside.append(block)
    return before, inside, after


def _marked(source: str, span: TextSpan, plain: str, render: Callable[[str], str]) -> str | None:
    """The block's HTML with the span marked; None if no place for the two characters leaves it as it was."""
    opening, closing = unused_characters(source, 2)
    tries = max(_FEWEST_TRIES, _PATIENCE // len(source))
    for start, end in islice(_places(source, span), tries):
        sentinelled = source[:start] + opening + source[start:end] + closing + source[end:]
        rendered = render(sentinelled)
        unharmed = rendered.replace(opening, "").replace(closing, "") == plain
        if unharmed and opening in rendered and closing in rendered:
            return with_marks(rendered, opening, closing, anchored=True)
    return None


def _places(source: str, span: TextSpan) -> Iterator[tuple[int, int]]:
    """Where the span may be taken to begin and end, the most exact first: markup at its ends may be left out."""
    quote = source[span.start : span.end]
    starts = [0, *(match.end() for pattern in _OPENINGS if (match := pattern.match(quote)))]
    ends = [match.start() for pattern in _CLOSINGS if (match := pattern.search(quote))]
    # Markup tends to stand at both ends or at neither, so equally cautious ends are tried together first.
    for start, end in dict.fromkeys([*zip(starts, ends, strict=False), *product(starts, ends)]):
        if start < end:
            yield span.start + start, span.start + end


def with_marks(rendered: str, opening: str, closing: str, *, anchored: bool = False) -> str:
    """Every stretch of text between the two characters in a <mark> of its own, so that marks never cross tags; if
    `anchored`, the first with the id `quote`."""
    pieces: list[str] = []
    inside, first = False, anchored
    for is_tag, piece in split_tags(rendered):
        if is_tag:
            pieces.append(piece.replace(opening, "").replace(closing, ""))
            continue
        for part in re.split(f"([{opening}{closing}])", piece):
            if part in (opening, closing):
                inside = part == opening
            elif inside and part.strip():
                pieces.append(f'<mark id="quote">{part}</mark>' if first else f"<mark>{part}</mark>")
                first = False
            else:
                pieces.append(part)
    return "".join(pieces)
