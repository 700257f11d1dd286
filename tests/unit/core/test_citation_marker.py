"""The citation marker: one way to write it, and every way in which models do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.citation_marker import (
    MarkerSpan,
    marker_spans,
    markers,
    passages_named,
    rewritten,
    without_markers,
    written,
)

_PROSE = st.text(st.characters(exclude_characters="[]0123456789 \t"), min_size=1)


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ("2", (2,)),
        ("1, 3", (1, 3)),
        ("1;3", (1, 3)),
        ("1-3", (1, 2, 3)),
        ("2 – 3", (2, 3)),
        ("^2", (2,)),
        ("^1, ^2", (1, 2)),
    ],
)
def test_what_models_write_names_passages(inside: str, named: tuple[int, ...]) -> None:
    assert passages_named(inside) == named


@pytest.mark.parametrize("inside", ["", "0", "3-1", "1-900", "2024", "1,", "^", "1--3"])
def test_what_only_looks_like_a_marker_names_none(inside: str) -> None:
    assert passages_named(inside) == ()


@pytest.mark.parametrize("number", [1, 42, 999, 1000, 9999])
def test_what_is_written_is_found_and_removed_at_any_length(number: int) -> None:
    text = f"It runs daily {written(number)}."
    assert markers(text) == [number]
    assert [text[span.start : span.end] for span in marker_spans(text)] == [written(number)]
    assert without_markers(text) == "It runs daily."


def test_a_line_end_before_a_marker_stays() -> None:
    assert without_markers("One.\n[1] Two.") == "One.\n Two."


def test_rewriting_changes_markers_alone() -> None:
    assert rewritten("a[0] as in [12], [x] and [1, 2]", "({})".format) == "a(0) as in (12), [x] and [1, 2]"


@given(st.lists(st.tuples(_PROSE, st.integers(0, 9999))))
def test_markers_are_found_in_order_and_where_they_stand(pieces: list[tuple[str, int]]) -> None:
    text, spans = "", []
    for prose, number in pieces:
        start = len(text + prose)
        text += prose + written(number)
        spans.append(MarkerSpan(number, start, len(text)))
    assert list(marker_spans(text)) == spans
    assert markers(text) == [number for _, number in pieces]
    assert without_markers(text) == "".join(prose for prose, _ in pieces).strip()
