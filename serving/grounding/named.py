"""What a question names: identifiers, labelled numbers, years and quoted words, which must stand where the answer does.

An embedding sees little difference between kit 7 and kit 6, or ZRX-9999 and ZRX-9078. A person sees nothing else. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.text.search_form import without_unseen

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
# Names of settings, files and options: RAGLOOP_HOME, config.yaml, maxTokens, --dry-run.
_SETTING = re.compile(
    r"(?<![\w.@/-])(?:--[^\W\d_][\w-]+|\w*[^\W\d_]_[^\W_]\w*|[^\W\d_]{2,}(?:\.[a-z]\w+)+|[a-z]{2,}(?:[A-Z][a-z]+)+)(?![\w@])"
)
# 5.1.2 and 10.0.0.1 as they are, 5.1 where it is called a version. The text may write v5.1.2 or "release 5.1".
_VERSION = re.compile(
    r"(?<![\w.,/-])(?:v|(?:version|release)s? v?)?(?P<of_three>\d{1,3}(?:\.\d{1,3}){2,})(?![\w]|[.,/-]\d)"
    r"|(?<![\w.,/-])(?:v|(?:version|release)s? v?)(?P<of_two>\d{1,3}\.\d{1,3})(?![\w]|[.,/-]\d)",
    re.IGNORECASE,
)
# 1.000.000 and 24.12.26 are none.
_NO_VERSION = re.compile(r"\d{1,3}(?:\.\d{3})+|\d\d\.\d\d\.\d\d")
# Several of one kind: 10-Qs, H100s. An iPhone5s is no iPhone5.
_SEVERAL = re.compile(r"[A-Z\d./-]+s")
# 21st, 1990s, 30min, 10k: a number and how it is said.
_COUNTED = re.compile(r"\d[\d.,]*[^\W\d_]{1,4}")
_YEAR = re.compile(r"(?<![\w.,/-])(?:1[0-9]|20)\d\d(?![\w]|[.,/-]\d)")
# Digits that an identifier has at least.
_FEWEST_DIGITS = 3
_LABELLED = re.compile(r"(?<![\w-])([^\W\d_]{2,})[ \u00a0](\d{1,9})(?![\w%]|[.,/-]\d)")


@dataclass(frozen=True, slots=True)
class NamedThing:
    """Something that a question names, and its plain form. `series` finds its like, as ZRX-1044 is of ZRX-9078; unless
    `alone`, it has to be there only where its like is. `is_identifier` where it names one record and hardly anything
    else: ZRX-9078 and RAGLOOP_HOME, but not COVID-19 or step 7."""

    said: str
    words: str
    series: re.Pattern[str] | None = None
    alone: bool = True
    is_identifier: bool = False

    def is_passed_over(self, plain_text: str) -> bool:
        """Whether the text names its like, and not it."""
        return self.series is not None and self.words not in plain_text and self.series.search(plain_text) is not None


@lru_cache(maxsize=_TEXTS_KEPT)
def plain(text: str) -> str:
    """The text's words and numbers in lower case with one space around each, whatever stood between them: ` zrx 9078 `
    is in what is made of ZRX-9078, zrx9078 and ZRX 9078."""
    letters = (sign for sign in unicodedata.normalize("NFKD", without_unseen(text)) if not unicodedata.combining(sign))
    text = _GROUPED.sub("", "".join(letters)).casefold()
    return f" {' '.join(_AS_DIGITS.get(piece, piece) for piece in _PIECE.findall(text))} "


def named_things(question: str, is_common: Callable[[str], bool]) -> tuple[NamedThing, ...]:
    """What the question names, each once. `is_common` knows the words that are no label of a number: in, of, the."""
    question = without_unseen(question)
    found = [_of_a_series(_one_of(code[0])) for code in _CODE.finditer(question) if not _is_amount(code[0])]
    settings = (said[0] for said in _SETTING.finditer(question))
    # An option is made of common words: that they stand there does not say that it does.
    found += [NamedThing(said, plain(said), is_identifier=not said.startswith("-")) for said in settings]
    found += _versions(question)
    found += [NamedThing(year[0], plain(year[0])) for year in _YEAR.finditer(question)]
    labels = (label for label in _LABELLED.finditer(question) if not is_common(label[1]) and not _YEAR.match(label[2]))
    found += [_of_a_series(label[0], alone=False) for label in labels]
    found += [NamedThing(said, plain(said)) for said in _quoted(question)]
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


def _one_of(code: str) -> str:
    return code.removesuffix("s") if _SEVERAL.fullmatch(code) else code


def _is_amount(code: str) -> bool:
    """A number and how it is said, or a version, which is looked for without its v."""
    return bool(_COUNTED.fullmatch(code) or _VERSION.fullmatch(code))


def _versions(question: str) -> list[NamedThing]:
    found = ((match["of_three"] or match["of_two"], match["of_three"]) for match in _VERSION.finditer(question))
    return [
        NamedThing(number, plain(number), is_identifier=bool(long))
        for number, long in found
        if not _NO_VERSION.fullmatch(number)
    ]


def _about_as_long(number: re.Match[str]) -> str:
    """Numbers of one digit more or less: 2023 Q2 is no other form than the 10-Q."""
    digits = len(number[0])
    return rf"\d{{{max(digits - 1, 1)},{digits + 1}}}"


def _of_a_series(said: str, *, alone: bool = True) -> NamedThing:
    words = plain(said)
    pattern = re.sub(r"\d+", _about_as_long, words)
    if pattern == words:
        return NamedThing(said, words, alone=alone)
    digits = sum(sign.isdigit() for sign in words)
    return NamedThing(said, words, re.compile(pattern), alone, is_identifier=alone and digits >= _FEWEST_DIGITS)
