"""Making text fit to be stored and searched. Pure."""

from __future__ import annotations

import re

# Control characters but tab, line feed, and those that canonical() treats by itself. Extractors leave them behind.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")
# Halves of a pair, alone: JSON may hold them, and no encoding, database or tokenizer takes them.
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n(?:[^\S\n]*\n)+")
# From where the space begins: from within, a long run of it would be gone through once for each of its characters.
_TRAILING_SPACE = re.compile(r"(?<![^\S\n])[^\S\n]++$", re.MULTILINE)


def canonical(text: str) -> str:
    """The text as Python's `Path.read_text` would give it, without byte-order mark and NULs.

    Line ends become `\\n`. Databases refuse NULs; lone surrogates, which no file's text has, become `\\ufffd`. Nothing
    else is changed, so that spans hold in the file.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return _LONE_SURROGATE.sub("\ufffd", text)


def tidy(text: str) -> str:
    """Extracted text without control characters, trailing spaces and runs of blank lines, and without an edge of them.

    Not for text that stands in a file as it is: it would move spans.
    """
    text = _CONTROL.sub("", canonical(text).replace("\x0c", "\n"))
    text = _TRAILING_SPACE.sub("", text)
    return _BLANK_LINES.sub("\n\n", text).strip()
