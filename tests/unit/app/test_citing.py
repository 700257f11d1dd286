"""Markers are found where they stand for a citation, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.answers.citations import cited_spans, document_url


@dataclass
class Cited:
    marker: int
    quote: str


def test_each_marker_of_a_citation_is_found_where_it_stands() -> None:
    text = "One. [1] Two. [2][1]"
    spans = cited_spans(text, [Cited(1, "One."), Cited(2, "Two.")])
    assert [(span.marker, text[span.start : span.end]) for span in spans] == [(1, "[1]"), (2, "[2]"), (1, "[1]")]


def test_a_number_in_brackets_without_a_citation_is_no_marker() -> None:
    assert cited_spans("See [7] and [1].", [Cited(1, "quote")])[0].marker == 1
    assert cited_spans("See [7].", [Cited(1, "quote")]) == []
    assert cited_spans("See [1].", []) == []


def test_a_footnote_inside_a_quote_is_no_marker() -> None:
    quote = "- Water boils at 100 degrees [1] at sea level."
    text = "Water boils at 100 degrees [1] at sea level. [1]"
    assert [span.start for span in cited_spans(text, [Cited(1, quote)])] == [text.rindex("[1]")]


@given(st.text("[]12 ab", max_size=40), st.lists(st.builds(Cited, st.integers(1, 2), st.text("[]12 ab", max_size=8))))
def test_markers_are_in_order_and_never_overlap(text: str, citations: list[Cited]) -> None:
    spans = cited_spans(text, citations)
    assert all(text[span.start : span.end] == f"[{span.marker}]" for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))


def test_a_citation_s_address_names_document_span_and_answer() -> None:
    assert document_url("d", 3, 9, "i") == "/documents/d?start=3&end=9&answer=i#quote"
    assert document_url("d", 3, 9) == "/documents/d?start=3&end=9#quote"
    assert document_url("d") == "/documents/d"
