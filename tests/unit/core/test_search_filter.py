"""A filter is read as people write it; what is none is refused in one sentence that says what would be right."""

from __future__ import annotations

from datetime import date

import pytest

from core.errors import InputError
from core.search_filter import Period, SearchFields, parse_filter, parse_period


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025-03-14", date(2025, 3, 14), date(2025, 3, 14)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025", date(2025, 1, 1), date(2025, 12, 31)),
        ("2025-03..2025-06", date(2025, 3, 1), date(2025, 6, 30)),
        ("2025-03..", date(2025, 3, 1), None),
        ("..2025-03", None, date(2025, 3, 31)),
    ],
)
def test_a_period_is_a_day_a_month_a_year_or_from_one_to_another(text: str, first: date, last: date) -> None:
    assert parse_period(text) == Period(first, last)


@pytest.mark.parametrize("text", ["", "..", "soon", "2025-13", "2025-02-30", "14.03.2025", "2025-03..x", "20250314"])
def test_what_is_no_date_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(InputError, match="is no date") as refusal:
        parse_period(text)
    assert "2025-03-14" in refusal.value.hint


def test_values_of_one_field_are_alternatives_and_fields_must_all_be_met() -> None:
    wanted = parse_filter(["source=a", "source=b", "author=Kim", "date=2025-03"])
    kim = {"source": ("b",), "author": ("Lee", "Kim")}
    assert wanted.allows(kim, date(2025, 3, 31))
    assert not wanted.allows(kim, date(2025, 4, 1))
    assert not wanted.allows(kim, None)
    assert not wanted.allows({"source": ("c",), "author": ("Kim",)}, date(2025, 3, 1))
    assert not wanted.allows({"source": ("a",)}, date(2025, 3, 1))


@pytest.mark.parametrize("condition", ["source", "source=", "=x", "so urce=x", "date=2025-06..2025-03", "1=2"])
def test_what_is_no_filter_is_refused_in_a_sentence(condition: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_filter([condition])
    assert refusal.value.hint


def test_a_field_that_no_document_has_is_refused_with_those_there_are() -> None:
    fields = SearchFields({"source": ("handbook",), "language": (), "label": ("public",), "author": ("Kim",)}, None)
    fields.check(parse_filter(["author=Lee"]))
    for missing in ("colour=red", "date=2025", "language=german"):
        with pytest.raises(InputError, match="No document has a field") as refusal:
            fields.check(parse_filter([missing]))
        assert refusal.value.hint == "The fields there are: source, label, author."
