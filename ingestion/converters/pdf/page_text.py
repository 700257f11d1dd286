"""The text of one PDF page made readable: hyphens, glued words, Arabic letters. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

# PDFium's mark for a hyphen at the end of a line that it joined with the next.
_JOINED_HYPHEN = re.compile(r"(\w+)\x02(\w+)")

_TOKEN = re.compile(r"[^\W_][\w.,'’/%-]*[^\W_]|[^\W_]")

# A Latin word runs into the Arabic one behind it where the space is drawn and not written.
_LATIN_BEFORE_ARABIC = re.compile(r"(?<=[A-Za-z])(?=[\u0620-\u064a])")

_ALEF_LAM = re.compile("[\u0622\u0623\u0625\u0627]\u0644")

_GLUED = re.compile(r"[^\W\d_]{3}\d|\d[.,]\d\d\d?\d*[.,]\d\d\b(?<!,\d\d)|\d[^\W\d_]{4}")

_IN_NUMBER = re.compile(r"[\d.,]{2}")

_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufffd\ue000-\uf8ff]")


def unreadable(text: str) -> int:
    """Characters that no reader makes letters of: the font does not say what they are."""
    return len(_UNREADABLE.findall(text.replace("\x02", "")))


def readable(text: str) -> str:
    """As it is read: words that were divided at the end of a line are whole, and keep a hyphen of their own."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    lowered = text.lower()

    def rejoined(match: re.Match[str]) -> str:
        first, second = match.groups()
        own = second[:1].isupper() or second[:1].isdigit() or f"{first}-{second}".lower() in lowered
        return f"{first}-{second}" if own else first + second

    return _LATIN_BEFORE_ARABIC.sub(" ", _JOINED_HYPHEN.sub(rejoined, text))


def ligatures_in_order(text: str, one_glyph: Callable[[int], bool]) -> str:
    """Lam-alef, one glyph for two letters, from right to left as it is written; PDFium gives the letters the other way
    round. `one_glyph` says whether the letters at an offset and behind it are one."""
    return _ALEF_LAM.sub(lambda match: match.group()[::-1] if one_glyph(match.start()) else match.group(), text)


def looks_glued(text: str) -> bool:
    """Whether a word runs into a number, or a number into another, as columns do that stand close."""
    return _GLUED.search(text) is not None


def unglued(text: str, second: str) -> str:
    """The text with those words apart that a second reader of the page found apart and nowhere as one.

    Columns that stand close look like one word: "Anchor3" for an anchor in three pieces. Only where a number begins or
    ends: between letters it is the second reader who parts what is one word.
    """
    there = _TOKEN.findall(second)
    whole, pairs = set(there), Counter(pairwise(there))

    def apart(match: re.Match[str]) -> str:
        token = match.group()
        if token in whole or len(token) > 40:
            return token
        cuts = (place for place in _number_edges(token) if pairs[token[:place], token[place:]])
        place = next(cuts, None)
        return token if place is None else f"{token[:place]} {token[place:]}"

    return _TOKEN.sub(apart, text)


def _number_edges(token: str) -> Iterator[int]:
    """Where a number begins or ends. Never amid one: the second reader parts "11" where it is set close."""
    return (
        place
        for place in range(1, len(token))
        if (token[place - 1].isdigit() or token[place].isdigit())
        and not _IN_NUMBER.fullmatch(token[place - 1 : place + 1])
    )
