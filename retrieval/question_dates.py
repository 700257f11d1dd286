"""The month or day that a question names, such as "in March 2025". Pure.

A bare year is left alone: what a document says of a year mostly stands in one of the next.
"""

from __future__ import annotations

import re

from core.errors import InputError
from core.search_filter import Period, parse_period

_MONTHS = (
    "january|januar|janvier|enero", "february|februar|février|febrero", "march|märz|mars|marzo", "april|avril|abril",
    "may|mai|mayo", "june|juni|juin|junio", "july|juli|juillet|julio", "august|août|agosto",
    "september|septembre|septiembre", "october|oktober|octobre|octubre", "november|novembre|noviembre",
    "december|dezember|décembre|diciembre",
)  # fmt: skip
_NUMBER = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split("|")}
_NAME = "|".join(_NUMBER)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_NAMED = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th)?\s+(?:of\s+|de\s+)?)?(?P<month>{_NAME})"
    rf"(?:\s+(?P<after>\d{{1,2}})(?:st|nd|rd|th)?,?)?(?:\s+|,\s*|\s+de\s+|\s+of\s+){_YEAR}\b",
    re.IGNORECASE,
)
_ISO = re.compile(rf"(?<![\w-]){_YEAR}-(?P<month>\d\d)(?:-(?P<day>\d\d))?(?![\w-])")


def period_in(question: str) -> Period | None:
    """The one month or day that the question names; None where it names none, or several."""
    named = [_period(match["year"], str(_NUMBER[match["month"].casefold()]), match["day"] or match["after"])
             for match in _NAMED.finditer(question)]  # fmt: skip
    named += [_period(match["year"], match["month"], match["day"]) for match in _ISO.finditer(question)]
    return named[0] if len(named) == 1 else None


def _period(year: str, month: str, day: str | None) -> Period | None:
    try:
        return parse_period("-".join(filter(None, (year, month, day))))
    except InputError:  # 30 February is no day that a document could be of
        return None
