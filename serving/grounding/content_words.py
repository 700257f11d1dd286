"""The words that carry what a text says: what two texts are compared by. Pure."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from core.text.languages import read_as
from retrieval.sparse import SparseEncoder

# A number that is no part of a word or of a longer number. The digit comes first, which lets the search skip ahead.
_NUMBER = re.compile(r"\d(?<![\w.]\d)(?:\d{0,2}(?:,\d{3})+|\d*)(?:\.\d+)?(?!\w)")


def normal_number(number: str) -> str:
    """The number as it is compared: 1,250.50 is 1250.5."""
    plain = number.replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


class ContentWords:
    """Finds the words that carry an answer: numbers, and the stems that are left without stop words, by the same
    analysis that retrieval uses."""

    def __init__(self, language: str) -> None:
        """`auto` reads each text in its own language, unless that is said."""
        self._language = language
        self._sparse = SparseEncoder(language)

    def of(self, text: str, language: str = "") -> dict[str | int, str]:
        """The distinct content words, each with the form it has in the text."""
        words: dict[str | int, str] = {}
        language = language or read_as(text, self._language)
        for number in _NUMBER.findall(text):
            words.setdefault(normal_number(number), number)
        for word in _NUMBER.sub(" ", text).split():
            for term in self._sparse.terms(word, language):
                words.setdefault(term, word.strip(string.punctuation))
        return words

    def keys(self, text: str, language: str = "") -> frozenset[str | int]:
        """The distinct content words, as keys that can be compared: a string for a number, else a stem's id."""
        numbers = (normal_number(number) for number in _NUMBER.findall(text))
        return frozenset(numbers) | self._sparse.terms(_NUMBER.sub(" ", text), language)

    def missing(self, wanted: str, text: str) -> tuple[int, Sequence[str]]:
        """How many content words `wanted` has, and those of them that `text` does not have."""
        language = read_as(text, self._language)
        words = self.of(wanted, language)
        held = self.keys(text, language)
        return len(words), [form for key, form in words.items() if key not in held]
