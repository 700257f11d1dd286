"""What a source's policy makes of a converted document. Pure."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

from core.text.personal_data import PersonalDataPolicy, PersonalDatum, find_personal_data
from core.types import Document


def under_policy(document: Document, policy: PersonalDataPolicy) -> Document:
    """The document with the personal data in it counted, and masked if the policy says so: `[email]` in place of an
    address. Pages begin where they did in the text."""
    if policy is PersonalDataPolicy.KEEP:
        return document
    found, in_title = find_personal_data(document.text), find_personal_data(document.title)
    counts = Counter(datum.kind for datum in (*found, *in_title))
    counted = replace(document, personal_data=tuple(sorted(counts.items())))
    if policy is PersonalDataPolicy.REPORT:
        return counted
    return replace(
        counted,
        title=_masked(document.title, in_title),
        text=_masked(document.text, found),
        missing=masked(document.missing),
        page_starts=_moved(document.page_starts, found),
    )


def masked(text: str) -> str:
    """The text with what has the form of personal data masked."""
    return _masked(text, find_personal_data(text))


def _masked(text: str, found: Sequence[PersonalDatum]) -> str:
    parts, position = [], 0
    for datum in found:
        parts += [text[position : datum.start], _mask(datum)]
        position = datum.end
    return "".join([*parts, text[position:]])


def _mask(datum: PersonalDatum) -> str:
    return f"[{datum.kind}]"


def _moved(offsets: Iterable[int], found: Sequence[PersonalDatum]) -> tuple[int, ...]:
    ends = [datum.end for datum in found]
    moves = [0, *accumulate(len(_mask(datum)) - (datum.end - datum.start) for datum in found)]
    return tuple(offset + moves[bisect(ends, offset)] for offset in offsets)
