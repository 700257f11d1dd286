"""What a question names: identifiers, labelled numbers, years and quoted words, which must stand where the answer does.

An embedding sees little difference between kit 7 and kit 6, or ZRX-9999 and ZRX-9078. A person sees nothing else. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

# Texts whose plain form is kept: the passages of a few questions.
_TEXTS_KEPT = 2000

_NUMBER_WORDS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_AS_DIGITS = {word: str(number) for number, word in enumerate(_NUMBER_WORDS)}
_GROUPED = re.compile(r"(?<=\d)[,\u2009\u202f](?=\d{3}(?!\d))")
_PIECE = re.compile(r"\d+|[^\W\d_]+")
_QUOTED = re.compile(r"[\"“„«`]([^\"“”„«»`]{2,80})[\"”“»`]|(?<![\w'’])['‘]([^'‘’]{2,80})['’](?!\w)")
# Letters and digits in one word, hyphens and the like within: ZRX-9078, L2, v1.4.
_CODE = re.compile(r"(?<![\w.])(?=[\w./-]*\d)(?=[\w./-]*[^\W\d_])\w+(?:[./-]\w+)*")
# 21st, 1990s, 30min, 10k: a number and how it is said.
_COUNTED = re.compile(r"\d[\d.,]*[^\W\d_]{1,4}")
_YEAR = re.compile(r"(?<![\w.,/-])(?:1[0-9]|20)\d\d(?![\w]|[.,/-]\d)")
# Digits that an identifier has at least.
_FEWEST_DIGITS = 3
_LABELLED = re.compile(r"(?<![\w-])([^\W\d_]{2,})[ \u00a0](\d{1,9})(?![\w%]|[.,/-]\d)")


@dataclass(frozen=True, slots=True)
class NamedThing:
    """Something that a question names, and its plain form. `series` finds its like, as ZRX-1044 is of ZRX-9078; unless
    `alone`, it has to be there only where its like is."""

    said: str
    words: str
    series: re.Pattern[str] | None = None
    alone: bool = True

    @property
    def is_identifier(self) -> bool:
        """Whether it names one record and hardly anything else: ZRX-9078, but not COVID-19 or step 7."""
        digits = sum(sign.isdigit() for sign in self.words)
        return self.series is not None and self.alone and digits >= _FEWEST_DIGITS

    def is_passed_over(self, plain_text: str) -> bool:
        """Whether the text names its like, and not it."""
        return self.series is not None and self.words not in plain_text and self.series.search(plain_text) is not None


@lru_cache(maxsize=_TEXTS_KEPT)
def plain(text: str) -> str:
    """The text's words and numbers in lower case with one space around each, whatever stood between them: ` zrx 9078 `
    is in what is made of ZRX-9078, zrx9078 and ZRX 9078."""
    letters = (sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    text = _GROUPED.sub("", "".join(letters)).casefold()
    return f" {' '.join(_AS_DIGITS.get(piece, piece) for piece in _PIECE.findall(text))} "


def named_things(question: str, is_common: Callable[[str], bool]) -> tuple[NamedThing, ...]:
    """What the question names, each once. `is_common` knows the words that are no label of a number: in, of, the."""
    found = [NamedThing(said, plain(said)) for said in _quoted(question)]
    found += [_of_a_series(code[0]) for code in _CODE.finditer(question) if not _COUNTED.fullmatch(code[0])]
    found += [NamedThing(year[0], plain(year[0])) for year in _YEAR.finditer(question)]
    labels = (label for label in _LABELLED.finditer(question) if not is_common(label[1]) and not _YEAR.match(label[2]))
    found += [_of_a_series(label[0], alone=False) for label in labels]
    return tuple({thing.words: thing for thing in reversed(found) if thing.words.strip()}.values())


def missing(things: Iterable[NamedThing], texts: Sequence[str]) -> tuple[str, ...]:
    """Those of the things, as the question says them, that stand in none of the texts."""
    plains = [plain(text) for text in texts]
    return tuple(
        thing.said
        for thing in things
        if not any(thing.words in each for each in plains)
        and (thing.alone or any(thing.is_passed_over(each) for each in plains))
    )


def _quoted(question: str) -> list[str]:
    return [match[1] or match[2] for match in _QUOTED.finditer(question)]


def _of_a_series(said: str, *, alone: bool = True) -> NamedThing:
    words = plain(said)
    pattern = re.sub(r"\d+", r"\\d+", words)
    return NamedThing(said, words, re.compile(pattern) if pattern != words else None, alone)
