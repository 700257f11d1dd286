"""What narrows a search: the values that a passage's document must have, field by field. Pure.

narrowed = parse_filter(["source=handbook", "date=2025-03", "author=Kim"])

A filter only ever takes away from what an access scope allows: core.types.AccessScope carries it.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from core.errors import InputError

SOURCE = "source"
LANGUAGE = "language"
LABEL = "label"
DATE = "date"
FIELDS = (SOURCE, LANGUAGE, LABEL, DATE)
"""The fields of every document; others are what documents say of themselves in their front matter."""

METADATA_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_MOST_FIELDS = 20
_MOST_VALUES = 100


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a document says of itself: its date, and named values."""

    date: date | None = None
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


NO_FACTS = DocumentFacts()


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included; None is open."""

    first: date | None
    last: date | None

    def holds(self, day: date | None) -> bool:
        return day is not None and (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    def meets(self, other: Period) -> bool:
        """Whether some day lies in both."""
        begins = max(self.first or date.min, other.first or date.min)
        return begins <= min(self.last or date.max, other.last or date.max)

    def __str__(self) -> str:
        return f"{self.first or ''}..{self.last or ''}"


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """A document passes if it has, of each field that is named, one of the values, and a date in the period."""

    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    period: Period | None = None

    def __bool__(self) -> bool:
        return bool(self.values or self.period)

    def __str__(self) -> str:
        parts = [f"{name}={value}" for name, values in self.values for value in values]
        return ", ".join([*parts, *([f"{DATE}={self.period}"] if self.period else [])])

    def allows(self, values: Mapping[str, Iterable[str]], day: date | None) -> bool:
        """Whether a document of these values and this date passes."""
        if self.period is not None and not self.period.holds(day):
            return False
        return all(not set(wanted).isdisjoint(values.get(name, ())) for name, wanted in self.values)


NO_FILTER = SearchFilter()


@dataclass(frozen=True, slots=True)
class SearchFields:
    """What documents can be filtered by: the values of each field, and the days between which they are dated."""

    values: Mapping[str, tuple[str, ...]]
    period: Period | None

    def check(self, wanted: SearchFilter) -> None:
        """Raise InputError for a filter on a field that no document has."""
        named = [name for name, _ in wanted.values] + ([DATE] if wanted.period else [])
        missing = [name for name in named if name not in self.names]
        if missing:
            there = ", ".join(self.names) or "none"
            raise InputError(f"No document has a field {missing[0]!r}.", hint=f"The fields there are: {there}.")

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that some document has a value of."""
        filled = [name for name, values in self.values.items() if values]
        own = sorted(name for name in filled if name not in FIELDS)
        return (*(name for name in FIELDS if name in filled), *([DATE] if self.period else []), *own)


def parse_filter(conditions: Sequence[str]) -> SearchFilter:
    """From conditions like `source=handbook` and `date=2025-03..2025-06`. Raises InputError."""
    given: dict[str, list[str]] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals:
            raise InputError(
                f"The filter {condition[:80]!r} has no value.", hint="Write FIELD=VALUE, such as source=handbook."
            )
        given.setdefault(name, []).append(value)
    return make_filter(given)


def make_filter(given: Mapping[str, Sequence[str]]) -> SearchFilter:
    """From the values of each field. Raises InputError for a name that cannot be one, an empty value, and what is no
    date."""
    if len(given) > _MOST_FIELDS or any(len(values) > _MOST_VALUES for values in given.values()):
        raise InputError("The filter is too long.", hint=f"Name at most {_MOST_FIELDS} fields.")
    values: list[tuple[str, tuple[str, ...]]] = []
    period = None
    for raw, wanted in sorted(given.items()):
        name, stripped = raw.strip().casefold(), tuple(dict.fromkeys(value.strip() for value in wanted))
        if not METADATA_NAME.fullmatch(name):
            raise InputError(f"{raw[:80]!r} is no field's name.", hint=f"Fields are {', '.join(FIELDS)} and metadata.")
        if not stripped or not all(stripped):
            raise InputError(f"The filter on {name} has no value.", hint=f"Write {name}=VALUE, or leave it away.")
        if name == DATE:
            if len(stripped) > 1:
                raise InputError("A filter takes one date.", hint="Write a period: date=2025-03..2025-06.")
            period = parse_period(stripped[0])
        else:
            values.append((name, stripped))
    return SearchFilter(tuple(values), period)


def parse_period(text: str) -> Period:
    """A day, a month, a year, or two of them with `..` between, of which one may be missing. Raises InputError."""
    first, dots, last = (part.strip() for part in text.partition(".."))
    begin, end = _days(first, text) if first else None, _days(last or first, text) if last or not dots else None
    if not (begin or end):
        raise _no_date(text)
    if begin and end and begin[0] > end[1]:
        raise InputError(f"The period {text[:40]!r} ends before it begins.", hint="Write the earlier date first.")
    return Period(begin[0] if begin else None, end[1] if end else None)


def parse_day(text: str) -> date | None:
    """The day, or a month's or a year's first day; None for what is no date."""
    match = _DATE.match(text.strip())
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1)) if match else None
    except ValueError:
        return None


def _days(text: str, whole: str) -> tuple[date, date]:
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise _no_date(whole)
        year, month = int(match[1]), int(match[2] or 1)
        first = date(year, month, int(match[3] or 1))
        if match[3]:
            return first, first
        last_month = month if match[2] else 12
        return first, date(year, last_month, calendar.monthrange(year, last_month)[1])
    except ValueError as error:
        raise _no_date(whole) from error


def _no_date(text: str) -> InputError:
    return InputError(
        f"{text[:40]!r} is no date.",
        hint="Write 2025-03-14, 2025-03 or 2025, or a period such as 2025-03..2025-06 or 2025-03.. for all since.",
    )
