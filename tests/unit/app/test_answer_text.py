"""What an answer marks is marked on the page, and marking changes nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answers.citations import marked_spans
from app.pages.chat.answer_text import answer_html
from app.pages.chat.shown_place import ShownPlace
from serving.wording.languages.english import ENGLISH
from tests.support.html_text import Reader

LIST = "Before your first day:\n\n- Fill in the **form**\n- Order a `laptop`\n- Record a video"


def source(quote: str, *marked: str, marker: int = 1) -> ShownPlace:
    return ShownPlace(marker, "Title", "", None, quote, quote, "en", "/documents/x", marked_texts=marked)


def marks(answer: str, *sources: ShownPlace) -> str:
    return Reader(answer_html(answer, sources, ENGLISH)).marked


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Fill in the **form**", "Fill in the form"),
        ("Order a `laptop`", "Order a laptop"),
        ("Before your first day:", "Before your first day:"),
    ],
)
def test_a_marked_sentence_is_marked_whatever_markdown_it_holds(sentence: str, shown: str) -> None:
    assert marks(f"{LIST} [1]", source(LIST, sentence)) == shown


def test_only_the_citation_s_own_quote_is_marked() -> None:
    one, other = source("Tea is free. Ask.", "Tea is free."), source("Tea is free.", marker=2)
    page = answer_html("Tea is free. Ask. [1]\n\nTea is free. [2]", [one, other], ENGLISH)
    assert page.count("<mark>") == 1
    assert page.index("<mark>") < page.index(">1</a>")
    assert "Tea is free. Ask. [1]"[slice(*marked_spans("Tea is free. Ask. [1]", [one])[0])] == "Tea is free."


def test_what_left_otherwise_than_it_was_written_is_shown_without_a_mark() -> None:
    assert marks("Fill &lt;b> in. Ask. [1]", source("Fill <b> in. Ask.", "Fill <b> in.")) == ""


@given(st.text("ab *_`[]()#->|1.\n", max_size=30), st.text("ab *_`[]()#->|1.", min_size=1, max_size=8))
def test_marking_changes_nothing_but_the_marks(before: str, sentence: str) -> None:
    answer = f"{before}{sentence} and more [1]"
    marked = answer_html(answer, [source(f"{sentence} and more", sentence)], ENGLISH)
    plain = answer_html(answer, [source(f"{sentence} and more")], ENGLISH)
    assert marked.replace("<mark>", "").replace("</mark>", "") == plain
