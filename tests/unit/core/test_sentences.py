"""Sentences have exact spans, in prose and in markdown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.text.sentences import sentence_spans


def cut(text: str, language: str = "english") -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, language)]


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert cut("Dr. Smith paid 3.5 million, e.g. on Friday. Then he left.") == [
        "Dr. Smith paid 3.5 million, e.g. on Friday.",
        "Then he left.",
    ]


def test_a_sentence_runs_across_a_soft_line_break() -> None:
    assert cut("One sentence\nover two lines. Another.") == ["One sentence\nover two lines.", "Another."]


def test_headings_items_and_rows_stand_alone() -> None:
    text = "# Heading\nText here.\n- first\n- second\n  goes on\n\n| a | b |\n| 1 | 2 |\n"
    assert cut(text) == ["# Heading", "Text here.", "- first", "- second\n  goes on", "| a | b |", "| 1 | 2 |"]


def test_emphasis_closes_with_the_sentence_it_belongs_to() -> None:
    assert cut("1. **The record.** It is kept.") == ["1. **The record.**", "It is kept."]


def test_other_scripts_keep_exact_spans() -> None:
    assert cut("中文句子。第二句！ 😀 Done.") == ["中文句子。", "第二句！", "😀 Done."]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_sentences_are_in_order_and_cover_every_visible_character(text: str) -> None:
    spans = sentence_spans(text)
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        position = end
    assert not text[position:].strip()
