"""A month or a day that a question names is found, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from retrieval.question_dates import period_in


@pytest.mark.parametrize(
    ("question", "period"),
    [
        ("What changed in March 2025?", "2025-03-01..2025-03-31"),
        ("What did the minutes of 14 March 2025 decide?", "2025-03-14..2025-03-14"),
        ("Who signed on March 14th, 2025?", "2025-03-14..2025-03-14"),
        ("Was wurde im März 2025 beschlossen?", "2025-03-01..2025-03-31"),
        ("Quels frais en août 2024 ?", "2024-08-01..2024-08-31"),
        ("the report of 2025-03", "2025-03-01..2025-03-31"),
        ("notes 2025-03-14", "2025-03-14..2025-03-14"),
    ],
)
def test_a_month_or_a_day_is_a_period(question: str, period: str) -> None:
    assert str(period_in(question)) == period


@pytest.mark.parametrize(
    "question",
    [
        "How much was spent in 2023?",
        "May 2025 employees join?  or June 2025?",
        "What may I do?",
        "on 30 February 2025",
        "part 2025-03-X",
        "ISO 12025-03",
        "March on",
        "📅",
    ],
)
def test_what_names_no_single_month_is_no_period(question: str) -> None:
    assert period_in(question) is None
