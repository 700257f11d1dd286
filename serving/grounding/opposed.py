"""Whether two sentences say the same of the same thing, but for a value: another number, amount, date or name, or that
it is not so. Pure.

Two sentences are laid side by side word for word. What they have in common must be nearly all that they say, and where
they part there must be a value on both sides. It is precise rather than eager: what may name another thing ("kit 6",
"in 2019 …") is no difference. docs/explanation/citations.md has what it was measured on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from core.text.languages import COMMONEST
from core.text.markdown_lines import without_item_mark
from core.text.negation import NEGATION
from serving.grounding.content_words import normal_number

# So many content words two sentences share at least, and of all that they have this share.
_FEWEST_SHARED = 2
_SHARED = 0.8
# Longer sentences are laid side by side for too long, and say more than one thing.
_MOST_TOKENS = 80
_LONGEST_NAME = 4

_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_](?:\w|[-'’](?=\w))*|[%€$£]|:(?=\s)")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve zwei drei vier fünf sechs sieben acht neun"
_DAYS = (
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays "
    "sundays january february march april june july august september october november december montag dienstag "
    "mittwoch donnerstag freitag samstag sonntag montags dienstags mittwochs donnerstags freitags samstags sonntags "
    "januar februar märz juni juli oktober dezember lundi mardi mercredi jeudi vendredi samedi dimanche janvier "
    "février mars avril juin juillet août septembre octobre novembre décembre lunes martes miércoles jueves viernes "
    "sábado domingo "
    "enero febrero marzo abril junio julio agosto septiembre octubre noviembre diciembre"
)
_AS_NUMBER = frozenset(_NUMBER_WORDS.split())
_AS_DAY = frozenset(_DAYS.split())
_COPULAS = ": is are was were be called named ist sind war heißt est sont était es son era è sono"
_COPULA = frozenset(_COPULAS.split())
_SIGNS = frozenset("%€$£")
# What follows holds only under a condition, which may be what is negated.
_CONDITIONS = "if unless when where until while except wenn falls sofern solange si cuando quand sauf"
_CONDITION = frozenset(_CONDITIONS.split())


class _Kind(StrEnum):
    VALUE = "value"
    NAME = "name"
    YEAR = "year"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, number or sign: as it stands in the text at `start`, and as it is compared."""

    said: str
    key: str
    start: int
    is_value: bool
    is_content: bool


@dataclass(frozen=True, slots=True)
class Opposed:
    """What the one sentence says where the other says something else; the empty string where one only negates."""

    one: str
    other: str


def opposed(one: str, other: str, language: str) -> Opposed | None:
    """Where the sentences, both in `language`, contradict one another; None where they do not."""
    one, other = without_item_mark(one), without_item_mark(other)
    left, right = _tokens(one, language), _tokens(other, language)
    if max(len(left), len(right)) > _MOST_TOKENS or min(len(left), len(right)) < _FEWEST_SHARED:
        return None
    blocks = SequenceMatcher(None, [each.key for each in left], [each.key for each in right], autojunk=False)
    parts = [part for part in blocks.get_opcodes() if part[0] != "equal"]
    shared = _content(_equal(blocks, left))
    pairs = [(left[a:b], right[c:d]) for _, a, b, c, d in parts]
    kinds = [_kind(left, right, part) for part in parts]
    noise = sum(
        max(_content(here), _content(there), any(token.is_value for token in (*here, *there)))
        for (here, there), kind in zip(pairs, kinds, strict=True)
        if kind is None
    )
    if shared < _FEWEST_SHARED or shared < _SHARED * (shared + noise) or _are_of_two_things(pairs, kinds):
        return None
    values = [(pair, kind) for pair, kind in zip(pairs, kinds, strict=True) if kind is not None]
    if not values:
        return _negated(pairs, left, right, language) if noise == 0 else None
    if len(values) > 1 and any(kind is _Kind.YEAR for _, kind in values):
        return None  # each may be right for its year
    (here, there), _ = values[0]
    return Opposed(_text(one, here), _text(other, there))


def _are_of_two_things(
    pairs: Sequence[tuple[Sequence[_Token], Sequence[_Token]]], kinds: Sequence[_Kind | None]
) -> bool:
    """Whether the sentences number otherwise what they speak of, or each has words that the other has not."""
    more = [pair for pair, kind in zip(pairs, kinds, strict=True) if kind is None]
    here, there = (sum(_content(pair[side]) for pair in more) for side in (0, 1))
    return _Kind.LABEL in kinds or (here > 0 and there > 0)


def _tokens(text: str, language: str) -> list[_Token]:
    return [_token(match, language) for match in _TOKEN.finditer(text)]


def _token(match: re.Match[str], language: str) -> _Token:
    said = match[0]
    key = normal_number(said) if said[0].isdigit() else said.casefold().replace("’", "'")
    is_value = said[0].isdigit() or key in _AS_NUMBER or key in _AS_DAY
    common = key in COMMONEST.get(language, ()) or _negates(key, language)
    is_content = not is_value and said[0].isalpha() and not common
    return _Token(said, key, match.start(), is_value, is_content)


def _negates(word: str, language: str) -> bool:
    return language in NEGATION and NEGATION[language].fullmatch(word) is not None


def _content(tokens: Sequence[_Token]) -> int:
    return sum(token.is_content for token in tokens)


def _equal(blocks: SequenceMatcher[str], left: Sequence[_Token]) -> list[_Token]:
    return [token for a, _, size in blocks.get_matching_blocks() for token in left[a : a + size]]


def _kind(left: Sequence[_Token], right: Sequence[_Token], part: tuple[str, int, int, int, int]) -> _Kind | None:
    """What the sentences differ in there; None if that is no value, or may be what tells two things apart."""
    tag, a, b, c, d = part
    if tag != "replace":
        return None
    here, there = left[a:b], right[c:d]
    before, after = left[:a], left[b : b + 1]
    if _are_values(here) and _are_values(there):
        if _is_leading(before) or _is_label(before, after):
            return _Kind.LABEL
        return _Kind.YEAR if all(_YEAR.fullmatch(token.said) for token in (*here, *there)) else _Kind.VALUE
    at = next((token.key for token in reversed(before) if token.is_content or token.key in _COPULA), "")
    last = _content(left[b:]) == _content(right[d:]) == 0
    if last and at in _COPULA and _are_names(here) and _are_names(there):
        return _Kind.NAME
    return None


def _are_values(tokens: Sequence[_Token]) -> bool:
    """Whether the tokens are values and function words only."""
    return any(token.is_value for token in tokens) and _content(tokens) == 0


def _are_names(tokens: Sequence[_Token]) -> bool:
    names = [token for token in tokens if token.is_content]
    return 0 < len(names) == len(tokens) <= _LONGEST_NAME and all(token.said[0].isupper() for token in names)


def _is_leading(before: Sequence[_Token]) -> bool:
    """Whether nothing was said yet: what a sentence begins with is what it speaks of."""
    return _content(before) == 0


def _is_label(before: Sequence[_Token], after: Sequence[_Token]) -> bool:
    """Whether the value numbers what stands before it, as in "Kit 6 has" or "step 2: open"."""
    if not before[-1].is_content:
        return False
    return before[-1].said[0].isupper() or not any(token.is_content or token.key in _SIGNS for token in after)


def _negated(
    pairs: Sequence[tuple[Sequence[_Token], Sequence[_Token]]],
    left: Sequence[_Token],
    right: Sequence[_Token],
    language: str,
) -> Opposed | None:
    """Where one of the sentences says that it is not so, and no condition is what it negates."""
    if any(token.key in _CONDITION for token in (*left, *right)):
        return None
    here = [token.said for one, _ in pairs for token in one if _negates(token.key, language)]
    there = [token.said for _, other in pairs for token in other if _negates(token.key, language)]
    return Opposed(" ".join(here), " ".join(there)) if bool(here) != bool(there) else None


def _text(text: str, tokens: Sequence[_Token]) -> str:
    return text[tokens[0].start : tokens[-1].start + len(tokens[-1].said)]


def opposed_rows(one: Sequence[str], other: Sequence[str]) -> Opposed | None:
    """The same of two rows of tables with the same columns, by their cells: the rows have one name, and one of the
    others is the same but for its numbers."""
    if len(one) != len(other) or one[0].casefold() != other[0].casefold() or not any(map(str.isalpha, one[0])):
        return None
    cells = zip(one[1:], other[1:], strict=True)
    return next((Opposed(here, there) for here, there in cells if _numbers_differ(here, there)), None)


def _numbers_differ(one: str, other: str) -> bool:
    here, there = _TOKEN.findall(one), _TOKEN.findall(other)
    if len(here) != len(there):
        return False
    parts = [(left, right) for left, right in zip(here, there, strict=True) if left != right]
    return bool(parts) and all(left[0].isdigit() and right[0].isdigit() for left, right in parts)
