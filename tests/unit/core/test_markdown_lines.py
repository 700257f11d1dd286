"""What a line of markdown begins with."""

from __future__ import annotations

import pytest

from core.text.markdown_lines import is_fence, is_heading, is_item, open_fence, without_item_mark


@pytest.mark.parametrize("line", ["- one", "* one", "+ one", "1. one", "12) one", "   - nested"])
def test_items_begin_with_a_bullet_or_a_number_and_lose_it(line: str) -> None:
    assert is_item(line)
    assert without_item_mark(line) in ("one", "nested")


@pytest.mark.parametrize("line", ["-one", "1.5 hours", "**bold** words", "a - b", "1234567890. one", "-", ""])
def test_what_has_no_mark_with_a_space_behind_it_is_no_item(line: str) -> None:
    assert not is_item(line)
    assert without_item_mark(line) == line


def test_headings_have_up_to_six_signs_and_a_space() -> None:
    assert all(map(is_heading, ("# One", "###### Six")))
    assert not any(map(is_heading, ("####### Seven", "#tag")))


def test_fences_have_three_marks_at_least() -> None:
    assert all(map(is_fence, ("```python", "  ~~~~")))
    assert not any(map(is_fence, ("``code``", "~~gone~~")))


@pytest.mark.parametrize(
    ("text", "fence"),
    [("a\n````py\nb", "````"), ("~~~\nb\n~~~\nc", ""), ("a ```", ""), ("```\n```\n```\nx", "```"), ("", "")],
)
def test_a_text_that_ends_in_code_says_in_which_fence(text: str, fence: str) -> None:
    assert open_fence(text) == fence
