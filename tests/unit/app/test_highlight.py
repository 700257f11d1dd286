"""The cited span is what is marked, wherever it begins and ends in the markdown."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pages.highlight import TextSpan, document_html
from core.types import TextFormat
from tests.support.html_text import Reader


def marked(text: str, quote: str, text_format: TextFormat = TextFormat.MARKDOWN) -> Reader:
    start = text.index(quote)
    return Reader(document_html(text, text_format, TextSpan(start, start + len(quote))))


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W\d_]", text))


@pytest.mark.parametrize(
    ("text", "quote", "shown"),
    [
        ("One. Two. Three.", "Two.", "Two."),
        ("# A heading\n\nText.", "# A heading", "A heading"),
        ("A heading\n===\n\nText.", "A heading", "A heading"),
        ("- one\n- two\n- three", "- two", "two"),
        ("Rules:\n\n- one\n- two", "Rules:\n\n- one\n- two", "Rules:onetwo"),
        ("1. one\n2. two", "2. two", "two"),
        ("> said *he* then", "said *he*", "said he"),
        ("Some **bold words** here", "**bold words**", "bold words"),
        ("Some _slanted words_ here", "_slanted words_", "slanted words"),
        ("Use `make demo` now", "`make demo`", "make demo"),
        ("```\nmake demo\nmake test\n```", "make test", "make test"),
        ("```sh\nmake demo\n```\n\nDone.", "```sh\nmake demo\n```", "make demo"),
        ("| a | b |\n|---|---|\n| one | two |\n| three | four |", "| one | two |", "onetwo"),
        ("See [the guide](guide.md) first.", "See [the guide](guide.md) first.", "See the guide first."),
        ("Tom &amp; Ann\n\nmore", "Tom &amp; Ann", "Tom & Ann"),
        ("a\n\n***\n\nb", "b", "b"),
        ("- [x] done\n- [ ] open", "- [ ] open", "[ ] open"),
        ("A line\nthat runs on\n\nNext", "line\nthat", "line\nthat"),
    ],
)
def test_the_marked_text_is_the_quote_without_its_markup(text: str, quote: str, shown: str) -> None:
    read = marked(text, quote)
    assert re.sub(r"\n(?=\w)", "\n", read.marked) == shown
    assert read.names().count("mark") >= 1


def test_a_quote_in_plain_text_is_marked_character_for_character() -> None:
    text = "  # no heading\n<b>&amp;</b> *x*\n\n\tend"
    read = marked(text, "<b>&amp;</b> *x*", TextFormat.PLAIN)
    assert read.marked == "<b>&amp;</b> *x*"
    assert read.text.rstrip("\n") == text


LAID_OUT = (
    "Opening *hours*\n\\# rm\n\n## Fees\n\n| Berth | Fee |\n| --- | --- |\n| North \\| 1 | $ 14 |\n| South | $ 9 |\n"
)


def test_a_laid_out_text_is_shown_with_its_headings_and_tables_and_all_else_as_it_is() -> None:
    read = marked(LAID_OUT, "| South | $ 9 |", TextFormat.LAID_OUT)

    assert [name for name in read.names() if name in ("h3", "table", "em", "br")] == ["br", "h3", "table"]
    assert read.text.split("\n")[:2] == ["Opening *hours*", "# rm"]
    assert read.marked == "South$ 9"
    assert not {"---", "\\", "North | 1 |"}.intersection(read.text.split())
    assert "North | 1" in read.text


def test_a_quote_of_lines_in_a_laid_out_text_is_marked() -> None:
    assert marked(LAID_OUT, "*hours*\n\\# rm", TextFormat.LAID_OUT).marked == "*hours*\n# rm"


def test_marking_changes_nothing_else_of_what_is_shown() -> None:
    text = "# T\n\nOne *two* three.\n\n- four\n- five\n\n[six][s]\n\n[s]: /elsewhere\n"
    unmarked = Reader(document_html(text, TextFormat.MARKDOWN, None))
    read = marked(text, "*two* three.\n\n- four")
    assert read.text == unmarked.text
    assert [name for name in read.names() if name != "mark"] == unmarked.names()


def test_only_the_first_mark_carries_the_id_that_the_address_points_to() -> None:
    read = marked("one\n\ntwo\n\nthree", "one\n\ntwo\n\nthree")
    assert [attributes.get("id") for name, attributes in read.tags if name == "mark"] == ["quote", None, None]


def test_a_quote_that_is_nothing_but_markup_falls_back_to_the_source() -> None:
    assert marked("one\n\n---\n\ntwo", "---").marked == "---"


def test_characters_that_mark_places_may_stand_in_the_document_itself() -> None:
    text = "\ue000one\ue001 two \ue002three\ue003"
    read = marked(text, "two")
    assert read.marked == "two"
    assert read.text.strip() == text


_word = st.text("abcdefgh", min_size=1, max_size=6)
_phrase = st.lists(
    st.one_of(
        _word,
        _word.map("**{}**".format),
        _word.map("_{}_".format),
        _word.map("`{}`".format),
        _word.map("{},".format),
        _word.map("{}.".format),
        st.tuples(_word, _word).map("*{0[0]} {0[1]}*".format),
    ),
    min_size=1,
    max_size=6,
).map(" ".join)
_block = st.one_of(
    _phrase,
    st.tuples(st.integers(1, 6), _phrase).map(lambda pair: "#" * pair[0] + " " + pair[1]),
    st.lists(_phrase, min_size=1, max_size=3).map(lambda items: "\n".join(f"- {item}" for item in items)),
    st.lists(_phrase, min_size=1, max_size=3).map(
        lambda items: "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
    ),
    st.lists(_phrase, min_size=1, max_size=2).map(lambda items: "- " + "\n  - ".join(items)),
    st.lists(_phrase, min_size=1, max_size=3).map(lambda lines: "\n".join(f"> {line}" for line in lines)),
    st.lists(_phrase, min_size=1, max_size=3).map("\n".join),
    _phrase.map("```\n{}\n```".format),
    st.lists(st.tuples(_phrase, _phrase), min_size=1, max_size=3).map(
        lambda rows: "| x | y |\n|---|---|\n" + "\n".join(f"| {left} | {right} |" for left, right in rows)
    ),
)


@settings(max_examples=150, deadline=None)
@given(blocks=st.lists(_block, min_size=1, max_size=5), data=st.data())
def test_whatever_span_is_cited_its_letters_are_the_ones_marked(blocks: list[str], data: st.DataObject) -> None:
    text = "\n\n".join(blocks)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    html = document_html(text, TextFormat.MARKDOWN, TextSpan(start, end))
    assert letters(Reader(html).marked) == letters(text[start:end])


@settings(max_examples=100, deadline=None)
@given(text=st.text("ab \n#*_`[]()<>|-.1&;:!\\~\t\ue000", min_size=1, max_size=60), data=st.data())
def test_hostile_markdown_is_rendered_whatever_span_is_asked_for(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    read = Reader(document_html(text, TextFormat.MARKDOWN, TextSpan(start, end)))
    assert not {"script", "img", "iframe", "style"} & set(read.names())


@pytest.mark.parametrize(
    "piece", ["[", "![", "*a ", "`", "> ", "- ", "<", "|a", "**a _b ", "[a](", "\\", "&#x1;", "~~"]
)
def test_a_document_made_to_be_slow_is_rendered_in_seconds(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    started = time.process_time()
    document_html(text, TextFormat.MARKDOWN, TextSpan(5, 9))
    assert time.process_time() - started < 5
