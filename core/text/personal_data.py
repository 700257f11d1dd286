"""Finding personal data that has a form of its own: addresses and numbers, checked by their check digits where they
have some. Names and street addresses have none; a person must look for those.

Patterns here, check digits by `python-stdnum`, phone numbers by Google's `phonenumbers`, and not presidio-analyzer: its
recognisers of this kind are the same patterns, and come with spaCy, twenty packages and twelve seconds of import.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

# Numbers without a country code are read as these countries write them.
REGIONS = ("US", "GB", "DE", "FR", "IN", "AU")

_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


class PersonalDataPolicy(StrEnum):
    """What a source's documents may hold of personal data. The values are stored."""

    KEEP = "keep"
    """Nothing is looked for."""
    REPORT = "report"
    """The run report names the documents that hold some, and how much of which kind."""
    MASK = "mask"
    """Besides, it is masked in title and text before anything is embedded, stored or trained on."""


@dataclass(frozen=True, slots=True)
class PersonalDatum:
    """What stands at `start` to `end` of a text: kind is email, iban, card, ssn, ip or phone."""

    kind: str
    start: int
    end: int
    text: str

    @property
    def masked(self) -> str:
        """Enough of it to be found again, for a report."""
        return f"{self.kind} {self.text[:2]}…{self.text[-2:]}"


def find_personal_data(text: str) -> list[PersonalDatum]:
    """Everything in the text that has the form of personal data, no two of them overlapping, in the order of the
    text. E-mail addresses, IBANs (ISO 13616), payment cards (Luhn), US social security numbers, public IP addresses
    and phone numbers."""
    found: list[PersonalDatum] = []
    for kind, pattern, is_one in _FORMS:
        for match in pattern.finditer(text):
            _add(found, PersonalDatum(kind, *match.span(), match[0]), is_one)
    for datum in _phone_numbers(text):
        _add(found, datum, lambda _: True)
    return found


def new_personal_data(text: str, known: str) -> list[PersonalDatum]:
    """The personal data of `text` that `known` does not hold, however it is punctuated there."""
    held = _bare(known)
    return [datum for datum in find_personal_data(text) if _bare(datum.text) not in held]


def _add(found: list[PersonalDatum], datum: PersonalDatum, is_one: Callable[[str], bool]) -> None:
    at = bisect(found, datum.start, key=lambda other: other.start)
    free = (at == 0 or found[at - 1].end <= datum.start) and (at == len(found) or datum.end <= found[at].start)
    if free and is_one(datum.text):
        found.insert(at, datum)


def _bare(text: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", text.casefold())


def _is_iban(text: str) -> bool:
    """By its country's form and its check digits."""
    from stdnum import iban

    return iban.is_valid(text, check_country=False)


def _is_card(text: str) -> bool:
    """By Luhn's check (ISO/IEC 7812)."""
    from stdnum import luhn

    digits = "".join(char for char in text if char.isdigit())
    return 12 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn.is_valid(digits)


def _is_ssn(text: str) -> bool:
    """By the areas, groups and serial numbers that are given out."""
    from stdnum.us import ssn

    return ssn.is_valid(text)


def _is_public_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _phone_numbers(text: str) -> Iterator[PersonalDatum]:
    import phonenumbers

    for region in REGIONS:
        for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID):
            if _written_as_phone(match.raw_string):
                yield PersonalDatum("phone", match.start, match.end, match.raw_string)


def _written_as_phone(text: str) -> bool:
    """Whether it begins like one or has hyphens: bare digits and groups of them fill every table of figures."""
    return text.lstrip().startswith(("+", "(", "0")) or text.count("-") + text.count(".") >= 2


_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.!#$%&'*+/=?^`{|}~-]{1,64}@"  # local part
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,63}\b"  # domain
)
_IBAN = re.compile(
    r"\b(?:(?i:[A-Z]{2}\d{2}[A-Z0-9]{11,30})"  # in one piece
    r"|[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)\b"  # in groups of four
)
_CARD = re.compile(r"(?<![\w.,-])(?:[2-6]|1800)(?:[ -]?\d){8,18}(?!\w|[.,-]\d)")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")

# The first form that fits a stretch of text has it.
_FORMS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("email", _EMAIL, lambda _: True),
    ("iban", _IBAN, _is_iban),
    ("card", _CARD, _is_card),
    ("ssn", _SSN, _is_ssn),
    ("ip", _IP, _is_public_address),
)
