"""What a source's policy makes of a converted document. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

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
    if policy is PersonalDataPolicy.REPORT or not counts:
        return counted
    return replace(
        counted,
        title=_masked(document.title, in_title),
        text=_masked(document.text, found),
        page_starts=tuple(_moved(start, found) for start in document.page_starts),
    )


def _masked(text: str, found: Sequence[PersonalDatum]) -> str:
    parts, position = [], 0
    for datum in found:
        parts += [text[position : datum.start], _mask(datum)]
        position = datum.end
    return "".join([*parts, text[position:]])


def _mask(datum: PersonalDatum) -> str:
    return f"[{datum.kind}]"


def _moved(offset: int, found: Sequence[PersonalDatum]) -> int:
    return offset + sum(len(_mask(datum)) - (datum.end - datum.start) for datum in found if datum.end <= offset)
