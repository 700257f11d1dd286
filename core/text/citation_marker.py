"""The citation marker: `[2]`, by which an answer's text names its citation, and a prompt its passage. Pure.

RAGLoop writes `[2]` and nothing else. Models also write `[1, 3]`, `[1-3]` and `[^2]`: `passages_named` reads those,
in what stands between the brackets of BRACKET.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Longer numbers are years and the like of the text's own.
_DIGITS = r"\d{1,4}"
_NUMBER = re.compile(_DIGITS)
_MARKER = re.compile(rf"\[({_DIGITS})\]")
_MARKER_AND_SPACE = re.compile(rf"[ \t]{{0,3}}\[{_DIGITS}\]")

# What may be a marker in a model's words: how much of it is waited for.
LONGEST_INSIDE = 40
BRACKET = re.compile(rf"[ \t]*\[(?P<inside>[\d ,;^–-]{{0,{LONGEST_INSIDE}}})(?P<closing>\]?)")
# A prompt has at most a hundred passages; [2024] is a year, which is left as it is.
_ITEM = re.compile(r"\^?(\d{1,3})(?: ?[-–] ?(\d{1,3}))?")
_SEPARATOR = re.compile("[,;]")
# [1-900] is no list of passages.
_LONGEST_RANGE = 20


@dataclass(frozen=True, slots=True)
class MarkerSpan:
    """A marker such as `[2]` at `text[start:end]`."""

    marker: int
    start: int
    end: int


def written(number: int) -> str:
    """The marker with this number."""
    return f"[{number}]"


def is_number(label: str) -> bool:
    """Whether brackets around the label are a marker."""
    return _NUMBER.fullmatch(label) is not None


def marker_spans(text: str) -> Iterator[MarkerSpan]:
    """The markers in a text, in order."""
    return (MarkerSpan(int(found[1]), found.start(), found.end()) for found in _MARKER.finditer(text))


def markers(text: str) -> list[int]:
    """The numbers of the markers in a text, in order."""
    return [int(number) for number in _MARKER.findall(text)]


def without_markers(text: str) -> str:
    """The text without its markers and the spaces before them."""
    return _MARKER_AND_SPACE.sub("", text).strip()


def rewritten(text: str, write: Callable[[str], str]) -> str:
    """The text with what `write` makes of each marker's digits in its place."""
    return _MARKER.sub(lambda found: write(found[1]), text)


def passages_named(inside: str) -> tuple[int, ...]:
    """The numbers that a model's brackets name, by what stands between them; none if they are no marker."""
    numbers: list[int] = []
    for item in _SEPARATOR.split(inside):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            return ()
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 < first <= last < first + _LONGEST_RANGE:
            return ()
        numbers += range(first, last + 1)
    return tuple(numbers)
