"""Markdown from documents and models, made into HTML that is safe to show.

HTML in the source is text. Links lead to RAGLoop's own document pages or become text; images become their alternative
text. Whatever the renderer made, the sanitiser has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

Link = Callable[[str], str | None]
"""What a link's address becomes: one of our own paths, or None to leave only the link's text."""

_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

_OWN_PATH = re.compile(r"/documents/[0-9a-f-]{36}(\?[a-z0-9=&-]*)?(#quote)?")
_ALIGN = re.compile(r"text-align:(left|right|center)")

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "mark", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href"}, "mark": {"id"}, "ol": {"start"}}
_CLASSES = {
    "a": {"cite"}, "pre": {"plain"}, "td": {"left", "right", "center"}, "th": {"left", "right", "center"},
}  # fmt: skip


def own_links(address: str) -> str | None:
    """Keeps links to document pages and nothing else."""
    return address if _OWN_PATH.fullmatch(address) else None


def parse(text: str, link: Link = own_links) -> tuple[list[Token], dict[str, Any]]:
    """The text's tokens, foreign links and images already made text, and the environment to render them in."""
    environment: dict[str, Any] = {}
    return reparse(text, environment, link), environment


def reparse(text: str, environment: dict[str, Any], link: Link) -> list[Token]:
    """The same for a part of a text that was parsed before: link definitions of the whole text are known."""
    tokens = _parser.parse(text, environment)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"  # the page's own title is its h1
        elif token.type in ("th_open", "td_open"):
            match = _ALIGN.fullmatch(str(token.attrs.pop("style", "")))
            if match:
                token.attrs["class"] = match[1]
        elif token.type == "fence":
            token.info = ""
        elif token.type == "inline":
            _disarm(token.children or [], link)
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


def _disarm(children: list[Token], link: Link) -> None:
    open_links: list[bool] = []
    for token in children:
        if token.type == "link_open":
            address = link(str(token.attrs.get("href", "")))
            token.attrs = {"href": address} if address else {}
            token.hidden = address is None
            open_links.append(token.hidden)
        elif token.type == "link_close":
            token.hidden = open_links.pop()
        elif token.type == "image":
            token.type, token.content, token.children = "text", _alternative(token), None


def _alternative(image: Token) -> str:
    return "".join(child.content for child in image.children or [])


def _own_values(tag: str, attribute: str, value: str) -> str | None:
    if tag == "a" and attribute == "href":
        return own_links(value)
    if tag == "mark" and attribute == "id":
        return value if value == "quote" else None
    return value
