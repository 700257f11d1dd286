"""What a line of markdown begins with: a list item, a heading, a fence. Pure.

It is for whoever reads sentences, quotes and text that is still being written. Where a whole text is at hand,
CommonMark's parser says what it is made of: ingestion.splitting.blocks, app.pages.markdown.
"""

from __future__ import annotations

import re

# As parts of patterns; space stands around them.
ITEM_MARK = r"(?:[-*+]|\d{1,9}[.)])"
HEADING_MARK = r"#{1,6}"
FENCE_MARK = r"(?:`{3,}|~{3,})"

# A whole line that opens a fence: behind backticks no other may stand. And one that closes it.
OPENING_FENCE = re.compile(r"(`{3,})[^`\n]*|(~{3,})[^\n]*")
CLOSING_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*")

_ITEM = re.compile(rf"\s*{ITEM_MARK}\s+")
_HEADING = re.compile(rf"\s*{HEADING_MARK}\s")
_FENCE = re.compile(rf"\s*{FENCE_MARK}")
_FENCE_AT_THE_MARGIN = re.compile(rf"^{FENCE_MARK}", re.MULTILINE)


def is_item(line: str) -> bool:
    """Whether the line begins a list item."""
    return _ITEM.match(line) is not None


def without_item_mark(line: str) -> str:
    """The line without the bullet or number that makes it a list item."""
    mark = _ITEM.match(line)
    return line[mark.end() :] if mark else line


def is_heading(line: str) -> bool:
    """Whether the line is a heading."""
    return _HEADING.match(line) is not None


def is_fence(line: str) -> bool:
    """Whether the line opens or closes a block of code."""
    return _FENCE.match(line) is not None


def without_escape(line: str) -> str:
    """A line of a laid-out text as the page has it: what only begins like a heading is kept from being one."""
    return line[1:] if line.startswith("\\#") else line


def open_fence(text: str) -> str:
    """The marks of the fence in which the text ends; empty if it ends in none. Fences count at the margin only."""
    marks = _FENCE_AT_THE_MARGIN.findall(text)
    return marks[-1] if len(marks) % 2 else ""
