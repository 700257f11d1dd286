"""What bytes look like when they are read in another encoding than they were written in. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

# Enough to tell two encodings apart; more makes it slower, not better.
_MOST_LOOKED_AT = 5_000


def odd_letters(text: str) -> int:
    """How many characters beyond ASCII stand where no writer puts them: control characters, a capital after a small
    letter, a sign within or before a word, letters of two scripts in one word."""
    odd = 0
    for number, match in enumerate(_BEYOND_ASCII.finditer(text)):
        if number == _MOST_LOOKED_AT:
            break
        place = match.start()
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        odd += _is_odd(match.group(), before, after)
    return odd


def _is_odd(char: str, before: str, after: str) -> bool:
    category = unicodedata.category(char)
    if category in ("Cc", "Cn", "Co"):
        return True
    if category[0] == "L":
        capital_within = char.isupper() and before.islower()
        return capital_within or any(other.isalpha() and _script(other) != _script(char) for other in (before, after))
    return category[0] in "SN" and char != "°" and after.islower()


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "?").split()[0]
    # Japanese mixes three scripts in one word.
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH", "FULLWIDTH") else name
