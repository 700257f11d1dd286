"""What programs make of an answer's markdown: the final authority on whether it is harmless."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

# As the specification has it, as GitHub does with bare addresses made links, and with everything switched on.
RENDERERS = {
    "commonmark": MarkdownIt("commonmark", {"html": True}),
    "gfm": MarkdownIt("gfm-like", {"html": True}),
    "all": MarkdownIt("js-default", {"html": True, "linkify": True}),
}


def links(markdown: str) -> set[str]:
    """Where the text's links lead, whoever renders it."""
    return {str(token.attrs["href"]) for token in _tokens(markdown) if token.type == "link_open"}


def embedded(markdown: str) -> list[str]:
    """Images and HTML in the text, whoever renders it."""
    return [token.content for token in _tokens(markdown) if token.type in ("image", "html_inline", "html_block")]


def shown(markdown: str) -> str:
    """The text that a reader sees."""
    return "".join(
        token.content if token.content else "\n" if token.type in ("softbreak", "paragraph_close") else ""
        for token in _tokens(markdown, "commonmark")
        if token.type != "inline"
    ).strip()


def _tokens(markdown: str, *names: str) -> Iterator[Token]:
    for name in names or RENDERERS:
        for token in RENDERERS[name].parse(markdown):
            yield token
            yield from token.children or []
