"""A model's markers become citations that hold: exact quotes, numbers without gaps, weak ones marked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Citation
from serving.filters.cited_text import CitedText
from tests.support.passages import passage

TRAVEL = passage(
    "# Travel\n\nThe team lead approves travel. A trip costs at most 300 euros.", "handbook/travel.md", "Travel", 40
)
TEA = passage("Tea is free. Coffee costs 2 euros a cup, milk included.", "handbook/tea.md", "Tea")
PASSAGES = [TRAVEL, TEA]


def cited(text: str, pieces: list[str] | None = None, first_marker: int = 1) -> tuple[str, tuple[Citation, ...]]:
    stream = CitedText(PASSAGES, first_marker=first_marker)
    out = "".join([*map(stream.feed, pieces or [text]), stream.finish()])
    return out, stream.citations


def test_a_marker_becomes_a_citation_of_the_sentence_that_says_it() -> None:
    text, citations = cited("The team lead approves your travel [1].")
    assert text == "The team lead approves your travel [1]."
    assert [(c.marker, c.quote, c.supported) for c in citations] == [(1, "The team lead approves travel.", True)]


def test_numbers_follow_the_order_of_appearance_not_the_passages() -> None:
    text, citations = cited("Tea is free. [2] A trip costs at most 300 euros. [1]")
    assert text == "Tea is free. [1] A trip costs at most 300 euros. [2]"
    assert [citation.quote for citation in citations] == ["Tea is free.", "A trip costs at most 300 euros."]


def test_two_places_of_one_passage_are_two_citations_and_one_place_keeps_its_number() -> None:
    text, citations = cited("Tea is free [2]. A cup of coffee costs 2 euros [2]. And tea is free [2].")
    assert text == "Tea is free [1]. A cup of coffee costs 2 euros [2]. And tea is free [1]."
    assert len(citations) == 2


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Tea is free.[2]", "Tea is free.[1]"),
        ("Tea is free [^2].", "Tea is free [1]."),
        ("Tea is free [ 2 ].", "Tea is free [1]."),
        ("Tea is free [2, 1].", "Tea is free [1][2]."),
        ("Tea is free [1-2].", "Tea is free [1][2]."),
        ("Tea is free [1][2].", "Tea is free [1][2]."),
        ("Tea is free [2][2] [2].", "Tea is free [1]."),
        ("Tea is free [2, 9].", "Tea is free [1]."),
        ("Tea is free [9].", "Tea is free."),
        ("Tea is free [9] and [1999] good [3-9].", "Tea is free and [1999] good."),
        ("Code `a[1]` and [0] stay, [x] too.", "Code `a[1]` and [0] stay, [x] too."),
        ("```\na[1]\n```\nTea is free [2]", "```\na[1]\n```\nTea is free [1]"),
        ("An open ` tick\nTea is free [2]", "An open ` tick\nTea is free [1]"),
        ("[", "["),
        ("Tea [2", "Tea [2"),
    ],
)
def test_markers_in_the_forms_that_models_write(written: str, shown: str) -> None:
    assert cited(written)[0] == shown


def test_each_marker_stands_for_the_words_since_the_last_one() -> None:
    _, citations = cited("Tea is free [2] and the team lead approves travel [1].")
    assert [citation.supported for citation in citations] == [True, True]


@pytest.mark.parametrize(
    "statement",
    [
        "Tea costs 5 euros",
        "The board approves every journey abroad",
        "Coffee costs 200 euros a cup",
        "Tea is not free",
        "-",
    ],
)
def test_a_statement_that_the_passage_does_not_make_is_marked_as_weak(statement: str) -> None:
    _, citations = cited(f"{statement} [2].")
    assert [citation.supported for citation in citations] == [False]


def test_a_weak_statement_never_shares_its_number_with_a_sound_one() -> None:
    text, citations = cited("Tea is free [2]. Tea is free for visiting managers of subsidiaries [2].")
    assert text.count("[1]") == text.count("[2]") == 1
    assert [citation.supported for citation in citations] == [True, False]


def test_numbers_can_begin_after_those_of_another_text() -> None:
    assert cited("Tea is free [2].", first_marker=4)[0] == "Tea is free [4]."


def test_text_is_held_back_only_while_it_may_be_a_marker() -> None:
    stream = CitedText(PASSAGES)
    fed = [stream.feed(piece) for piece in ("Tea is", " free", " ", "[", "2", "]", ".", " [see", "]")]
    assert fed == ["Tea is", " free", "", "", "", "", " [1].", " [see", "]"]


PIECES = [
    "Tea is free", "The team lead approves travel", ". ", " ", "\n", "- ", "[1]", "[2]", "[", "]", "1", "2", "9", ", ", "-",
    "^", "`", "```", "[1, 2]", "[1-9]", "coffee costs 2 euros", "é", "**",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=16))
def test_citations_hold_whatever_the_model_writes_and_however_it_is_cut(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole, citations = cited(text)
    assert cited(text, pieces) == cited(text, list(text)) == (whole, citations)
    assert [citation.marker for citation in citations] == list(range(1, len(citations) + 1))
    assert len({(c.chunk.id, c.start, c.end, c.supported) for c in citations}) == len(citations)
    for citation in citations:
        chunk = citation.chunk
        assert chunk.text[citation.start - chunk.start : citation.end - chunk.start] == citation.quote != ""
        assert 0 <= citation.score <= 1
    if "`" not in text:
        assert {int(number) for number in re.findall(r"\[([1-9])\]", whole)} == {c.marker for c in citations}
