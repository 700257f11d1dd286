"""Whether a text says anything. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

from core.types import Chunk, TextFormat

# A picture, a link definition, a tag: none of them is read out. Bounded, so that no hostile text takes long.
_UNSPOKEN = re.compile(
    r"!\[[^\]]{0,500}\](?:\([^)]{0,2000}\)|\[[^\]]{0,500}\])|^ {0,3}\[[^\]]{1,500}\]:.*$|<[^<>]{0,2000}>", re.MULTILINE
)


def says_nothing(chunks: Iterable[Chunk], text_format: TextFormat) -> bool:
    """Whether the chunks hold no letter and no digit outside of what markdown does not show: pictures, comments, tags,
    link definitions. So for no chunks at all."""
    return not any(_has_words(chunk.text, text_format) for chunk in chunks)


def _has_words(text: str, text_format: TextFormat) -> bool:
    shown = (
        text
        if text_format in (TextFormat.PLAIN, TextFormat.LAID_OUT)
        else unescape(_UNSPOKEN.sub("", _without_comments(text)))
    )
    return any(character.isalnum() for character in shown)


def _without_comments(text: str) -> str:
    parts = []
    position = 0
    while (start := text.find("<!--", position)) >= 0:
        parts.append(text[position:start])
        end = text.find("-->", start)
        position = end + 3 if end >= 0 else len(text)
    return "".join([*parts, text[position:]])
