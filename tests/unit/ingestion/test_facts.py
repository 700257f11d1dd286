"""What a document says of itself becomes what people filter by; a hostile front matter harms nothing."""

from __future__ import annotations

import time
from datetime import date

import pytest

from core.search_filter import DocumentFacts
from core.types import Document, TextFormat
from ingestion.facts import facts_of


def facts(text: str, name: str = "page.md") -> DocumentFacts:
    return facts_of(Document(f"s/{name}", "t", text, TextFormat.MARKDOWN, "text/markdown", "0" * 64))


def test_front_matter_gives_the_date_and_named_values() -> None:
    found = facts("---\ntitle: T\ndate: 2025-03-14\nAuthor: Kim\ntags: [a, b]\nversion: 2\n---\n\n# T\n")
    assert found.date == date(2025, 3, 14)
    assert found.metadata == {"author": ("Kim",), "tags": ("a", "b"), "version": ("2",)}


def test_toml_front_matter_and_times_are_read_too() -> None:
    assert facts('+++\nauthor = "Kim"\nupdated = 2025-03-14T10:00:00Z\n+++\ntext').date == date(2025, 3, 14)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("minutes-2025-03-14.md", date(2025, 3, 14)),
        ("2025-03 report.md", date(2025, 3, 1)),
        ("2025-13-40.md", None),
        ("part-12025-0314.md", None),
        ("plain.md", None),
    ],
)
def test_a_date_may_stand_in_the_files_name(name: str, day: date | None) -> None:
    assert facts("text", name).date == day


@pytest.mark.parametrize(
    "head",
    [
        "a: [",
        "date: soon",
        "date: !!bool x",
        "date: !!timestamp soon",
        "b: !!int ''",
        "b: &b [x]\nc: [*b, *b]",
        "k: w",
        "- a\n- b",
        "a: &x [*x]",
        "? {a: b}\n: c",
        "source: other\nlabel: hr",
        "x: " + "y" * 500,
    ],
)
def test_what_cannot_be_filtered_by_is_left_out(head: str) -> None:
    found = facts(f"---\nk: v\n{head}\n---\n\ntext")
    assert found.date is None
    assert set(found.metadata) <= {"k", "a"}


def test_front_matter_without_end_is_not_parsed() -> None:
    started = time.monotonic()

    assert facts(f"---\nk: {'[' * 200_000}\n---\n\ntext").metadata == {}
    assert time.monotonic() - started < 1
