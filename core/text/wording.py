"""What a text says, whatever it looks like: by which the same text in two formats is known. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from core.text.search_form import without_unseen

# Marks of markdown that say nothing: of headings, emphasis and code, between cells and under a table's head. A hyphen
# may be a minus, a hash before a digit a number: those stay.
_MARKS = re.compile(
    r"^[ \t]*#{1,6}(?=[ \t])|^[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$|[|*_`]",
    re.MULTILINE,
)
_STAR = re.compile(r"^([ \t]*)[*](?=[ \t])", re.MULTILINE)

# Shorter texts are the same by chance.
_FEWEST_WORDS = 20


def plain_words(text: str) -> str:
    """Every word, number and sign of a markdown text, without its marks, in small letters and with single spaces."""
    plain = without_unseen(_MARKS.sub(" ", _STAR.sub(r"\1-", text)))
    return " ".join(unicodedata.normalize("NFKC", plain).casefold().split())


def wording_sha256(text: str) -> str:
    """A hash of all that a text says; empty for a very short one."""
    words = plain_words(text)
    return hashlib.sha256(words.encode()).hexdigest() if words.count(" ") >= _FEWEST_WORDS else ""
