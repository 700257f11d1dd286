"""How much of what one reader found another found too. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_WORD = re.compile(r"\w+")

# Below this share of the second reader's words something is wrong with the first.
LEAST_RECALL = 0.8


def word_recall(found: str, expected: str) -> float:
    """The share of `expected`'s words that are in `found`, each as often as it stands there; 1 where it has none.

    Where words are glued or split, which says nothing of what was lost, their letters and digits are counted instead.
    """
    return max(whole_word_recall(found, expected), _share(_letters(found), _letters(expected)))


def whole_word_recall(found: str, expected: str) -> float:
    """The same by words alone: what is neither glued nor split, and not merely made of the same letters."""
    return _share(_words(found), _words(expected))


def word_count(text: str) -> int:
    return len(_WORD.findall(text))


def _share(found: Counter[str], expected: Counter[str]) -> float:
    total = expected.total()
    return (found & expected).total() / total if total else 1.0


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _letters(text: str) -> Counter[str]:
    return Counter("".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold())))
