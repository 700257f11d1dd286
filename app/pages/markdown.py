"""Markdown from documents and models, made into HTML that is safe to show.

HTML in the source is text. Links lead to RAGLoop's own document pages or become text; images become their alternative
text. Whatever the renderer made, the sanitiser has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import unescape
from itertools import islice
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from core.text.markdown_lines import without_escape
from core.types import TextFormat

Links = Callable[[Sequence[str]], Mapping[str, str]]
"""Given the addresses that a text links to: those that may stay, each with the path of ours that it becomes. Of the
others only the link's text is left."""

_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
# Of a laid-out text only headings and tables are marked.
_layout_parser = MarkdownIt("zero", {"html": False}).enable(["heading", "table", "newline"])

_OWN_PATH = re.compile(r"/documents/[0-9a-f-]{36}(\?[a-z0-9=&-]*)?(#quote)?")
# Tags within a line, where no space is.
_INLINE = re.compile(r"</?(?:a|code|em|s|strong)\b[^>]*>")
_ALIGN = re.compile(r"text-align:(left|right|center)")

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "mark", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "aria-label"}, "mark": {"id"}, "ol": {"start"}}
_CLASSES = {
    "a": {"cite", "weak"}, "pre": {"plain"}, "td": {"left", "right", "center"}, "th": {"left", "right", "center"},
}  # fmt: skip


def own_links(addresses: Sequence[str]) -> Mapping[str, str]:
    """Keeps links to document pages and nothing else."""
    return {address: address for address in addresses if is_own(address)}


def is_own(address: str) -> bool:
    """Whether the address is the path of a document's page."""
    return _OWN_PATH.fullmatch(address) is not None


def parse(
    text: str, links: Links = own_links, text_format: TextFormat = TextFormat.MARKDOWN
) -> tuple[list[Token], dict[str, Any]]:
    """The text's tokens, foreign links and images already made text, and the environment to render them in."""
    environment: dict[str, Any] = {}
    return reparse(text, environment, links, text_format), environment


def reparse(text: str, environment: dict[str, Any], links: Links, text_format: TextFormat) -> list[Token]:
    """The same for a part of a text that was parsed before: link definitions of the whole text are known."""
    laid_out = text_format is TextFormat.LAID_OUT
    tokens = (_layout_parser if laid_out else _parser).parse(text, environment)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"  # the page's own title is its h1
        elif token.type in ("th_open", "td_open"):
            match = _ALIGN.fullmatch(str(token.attrs.pop("style", "")))
            if match:
                token.attrs["class"] = match[1]
        elif token.type == "fence":
            token.info = ""
        if laid_out:
            _as_on_the_page(token.children or [])
    _disarm([child for token in tokens for child in token.children or []], links)
    return tokens


def html(tokens: Sequence[Token], environment: dict[str, Any]) -> str:
    """HTML that is not yet safe to show."""
    return str(_parser.renderer.render(tokens, _parser.options, environment))


def sanitise(unsafe: str) -> Markup:
    """The HTML without everything that is not on the lists above. The only source of Markup."""
    clean = nh3.clean(
        unsafe,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        attribute_filter=_own_values,
        url_schemes=set(),
        link_rel=None,
        strip_comments=True,
    )
    return Markup(clean)  # noqa: S704 - it was sanitised in the line above


def words(text: str) -> str:
    """The text as one line without its markdown and its headings, for where only a glimpse of it is shown."""
    tokens, environment = parse(text)
    body = _without_headings(tokens) or tokens
    pieces = (
        _INLINE.sub("", piece) and " " if is_tag else piece for is_tag, piece in split_tags(html(body, environment))
    )
    bare = unescape("".join(pieces))
    # Table rows without their header are no table to the parser: their bars are still there.
    return " ".join(re.sub(r"(^|\s)\|(?=\s|$)", " · ", bare).split()).strip("· ").replace("· ·", "·")


def split_tags(source: str) -> Iterator[tuple[bool, str]]:
    """The HTML in pieces, each a tag (True) or the text between two. The renderer escapes angle brackets, so a piece
    that looks like a tag is one."""
    for number, piece in enumerate(re.split(r"(<[^>]*>)", source)):
        if piece:
            yield number % 2 == 1, piece


def unused_characters(text: str, count: int) -> list[str]:
    """Private-use characters that do not occur in the text, to mark places in it while it is rendered."""
    free = (chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
    return list(islice(free, count))


def _without_headings(tokens: Sequence[Token]) -> list[Token]:
    kept, inside = [], False
    for token in tokens:
        inside = inside or token.type == "heading_open"
        if not inside:
            kept.append(token)
        inside = inside and token.type != "heading_close"
    return kept


def _as_on_the_page(inline: Sequence[Token]) -> None:
    """Line by line."""
    for token in inline:
        if token.type == "softbreak":
            token.type, token.tag = "hardbreak", "br"
        else:
            token.content = without_escape(token.content)


def _disarm(inline: Sequence[Token], links: Links) -> None:
    addresses = [str(token.attrs["href"]) for token in inline if token.type == "link_open"]
    kept = links(addresses) if addresses else {}
    hidden = False  # links do not nest
    for token in inline:
        if token.type == "link_open":
            address = kept.get(str(token.attrs["href"]))
            token.attrs = {"href": address} if address else {}
            token.hidden = hidden = address is None
        elif token.type == "link_close":
            token.hidden = hidden
        elif token.type == "image":
            token.type, token.content, token.children = "text", _alternative(token), None


def _alternative(image: Token) -> str:
    return "".join(child.content for child in image.children or [])


def _own_values(tag: str, attribute: str, value: str) -> str | None:
    if tag == "a" and attribute == "href":
        return value if is_own(value) else None
    if tag == "mark" and attribute == "id":
        return value if value == "quote" else None
    return value
