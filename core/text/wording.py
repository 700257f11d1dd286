"""What a text says, whatever it looks like: by which the same text in two formats is known. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from core.text.search_form import without_unseen

# Marks of markdown that say nothing: of headings, and under a table's head; between the cells of a row; of emphasis
# and code around words. A hyphen may be a minus, a hash before a digit a number, a star a sign: those stay.
_MARKS = re.compile(r"^[ \t]*#{1,6}(?=[ \t])|^[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_AROUND = tuple(
    re.compile(rf"(?<![\w{sign}])([{sign}]{{1,3}})(?![\s{sign}])([^{sign}\n]+)(?<!\s)\1(?![\w{sign}])")
    for sign in "*_`"
)
_STAR = re.compile(r"^([ \t]*)[*](?=[ \t])", re.MULTILINE)

# Shorter texts are the same by chance.
_FEWEST_WORDS = 20


def plain_words(text: str) -> str:
    """Every word, number and sign of a markdown text, without its marks and with single spaces. Letters and digits stay
    as they are written: 5 mW are not 5 MW, nor 10⁵ units 105."""
    plain = _ROW.sub(lambda row: row[0].replace("|", " "), _MARKS.sub(" ", _STAR.sub(r"\1-", text)))
    for around in _AROUND:
        plain = around.sub(r"\2", plain)
    return " ".join(unicodedata.normalize("NFC", without_unseen(plain)).split())


def wording_sha256(text: str) -> str:
    """A hash of all that a text says; empty for a very short one."""
    words = plain_words(text)
    return hashlib.sha256(words.encode()).hexdigest() if words.count(" ") >= _FEWEST_WORDS else ""
