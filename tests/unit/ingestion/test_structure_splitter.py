"""The structure splitter: what its chunks look like, and what holds for any text at all."""

from __future__ import annotations

import pickle
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Chunk, Document, TextFormat
from ingestion.splitting.blocks import front_matter_end
from ingestion.splitting.structure_splitter import StructureSplitter
from ingestion.splitting.tokens import TokenizerFile
from tests.fakes import FakeEmbedder

COUNTER = FakeEmbedder()


def document(
    text: str,
    title: str = "",
    text_format: TextFormat = TextFormat.MARKDOWN,
    page_starts: tuple[int, ...] = (),
) -> Document:
    return Document("docs/a.md", title, text, text_format, "text/markdown", "0" * 64, page_starts)


def split(text: str, limit: int = 60, title: str = "", text_format: TextFormat = TextFormat.MARKDOWN) -> list[Chunk]:
    return StructureSplitter(COUNTER, limit, "fake").split(document(text, title, text_format))


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{number}" for number in range(count))


# -- what chunks look like


def test_a_heading_stands_in_the_chunk_of_the_text_it_heads() -> None:
    chunks = split(f"# One\n\n{words(40)}\n\n# Two\n\n{words(40)}\n")

    assert [chunk.text.split("\n")[0] for chunk in chunks] == ["# One", "# Two"]
    assert [chunk.heading_path for chunk in chunks] == [("One",), ("Two",)]


def test_a_chunk_is_indexed_under_its_title_and_headings() -> None:
    chunks = split(f"# Guide\n\n## Install\n\n### On Linux\n\n{words(30)}", title="Handbook")

    assert chunks[0].indexed_text.startswith("Handbook > Guide > Install > On Linux\n\n# Guide")


def test_paragraphs_of_a_section_fill_a_chunk() -> None:
    paragraphs = [words(20, f"p{number}_") for number in range(4)]
    chunks = split("# One\n\n" + "\n\n".join(paragraphs), limit=50)

    assert [chunk.text.count("\n\n") for chunk in chunks] == [2, 1]  # heading and two paragraphs, two paragraphs


def test_a_section_of_one_line_joins_its_sibling_under_the_heading_they_share() -> None:
    chunks = split("# Team\n\n## Ann\n\nBaker.\n\n## Bob\n\nSmith.\n\n## Cid\n\nCook.\n")

    assert len(chunks) == 1
    assert chunks[0].heading_path == ("Team",)
    assert all(name in chunks[0].text for name in ("Ann", "Bob", "Cid"))


def test_small_sections_of_different_chapters_are_not_mixed() -> None:
    text = f"# A\n\n## A1\n\n### A11\n\n{words(45)}\n\n# B\n\n## B1\n\n### B11\n\ntiny\n"
    chunks = split(text)

    assert [chunk.heading_path for chunk in chunks] == [("A", "A1", "A11"), ("B", "B1", "B11")]


def test_an_introduction_goes_with_the_sections_it_introduces() -> None:
    text = f"# A\n\n{words(40)}\n\n## B\n\nIn short.\n\n### C\n\n{words(25)}\n"
    chunks = split(text, limit=60)

    assert [chunk.text.split("\n")[0] for chunk in chunks] == ["# A", "## B"]
    assert chunks[1].heading_path == ("A", "B")


def test_headings_without_text_are_in_a_chunk_too() -> None:
    assert [chunk.text for chunk in split("# A\n\n## B\n\n## C\n")] == ["# A\n\n## B\n\n## C"]


def test_a_long_list_is_cut_between_its_items() -> None:
    items = [f"- item {number} {words(9)}" for number in range(12)]
    chunks = split("# List\n\n" + "\n".join(items))

    assert len(chunks) > 1
    assert all(chunk.text.startswith(("- item", "# List")) for chunk in chunks)
    assert all(chunk.text.endswith("word8") for chunk in chunks)


def test_a_long_table_is_cut_between_its_rows() -> None:
    rows = [f"| {number} | {words(6)} |" for number in range(20)]
    chunks = split("| n | w |\n|---|---|\n" + "\n".join(rows))

    assert len(chunks) > 1
    assert all(line.startswith("|") and line.endswith("|") for chunk in chunks for line in chunk.text.split("\n"))


def test_rows_that_are_cut_off_from_the_head_of_their_table_stand_under_the_names_of_its_columns() -> None:
    rows = [f"| {number} | {words(6)} |" for number in range(20)]
    chunks = split("# Sites\n\n| **n** | w |\n|---|---|\n" + "\n".join(rows) + "\n\nThe end.")
    assert [chunk.heading_path for chunk in chunks] == [("Sites",)] + [("Sites", "n | w")] * (len(chunks) - 1)
    assert all(COUNTER.count_tokens([chunk.indexed_text])[0] <= 60 for chunk in chunks)
    assert chunks[-1].text.endswith("The end.")


def test_the_rows_of_a_single_column_stand_under_their_heading_alone() -> None:
    rows = [f"| {words(6)} |" for _ in range(20)]
    chunks = split("# Sites\n\n| n |\n|---|\n" + "\n".join(rows))
    assert {chunk.heading_path for chunk in chunks} == {("Sites",)}


def test_a_heading_that_comes_again_is_a_section_of_its_own() -> None:
    chunks = split(f"# One\n\n## Part\n\n{words(30)}\n\n# One\n\n{words(6, 'again')}\n")
    (again,) = [chunk for chunk in chunks if "again0" in chunk.text]
    assert again.heading_path == ("One",)


def test_a_long_paragraph_is_cut_between_its_sentences_into_even_parts() -> None:
    sentences = [f"Sentence {number} has some words in it." for number in range(12)]
    chunks = split(" ".join(sentences), text_format=TextFormat.PLAIN)

    assert all(chunk.text.startswith("Sentence") and chunk.text.endswith(".") for chunk in chunks)
    lengths = [len(chunk.text) for chunk in chunks]
    assert max(lengths) < 2 * min(lengths)


def test_code_is_not_read_for_headings() -> None:
    chunks = split("# Real\n\n```sh\n# not a heading\nls\n```\n")

    assert [chunk.heading_path for chunk in chunks] == [("Real",)]


def test_front_matter_is_in_no_chunk() -> None:
    assert [chunk.text for chunk in split("---\ntitle: x\ntags: [a, b]\n---\n\nBody.\n")] == ["Body."]


def test_a_text_between_two_rules_is_no_front_matter() -> None:
    assert "Important words" in split("---\n\nImportant words.\n\n---\n\nMore.\n")[0].text


def test_link_definitions_which_the_parser_drops_are_covered() -> None:
    chunks = split("Text with a [link].\n\n[link]: https://example.org/here\n")

    assert "https://example.org/here" in chunks[-1].text


def test_headings_lose_their_markup() -> None:
    assert split("# **Bold** `code` [link](https://x.y)\n\nText.")[0].heading_path == ("Bold code link",)


def test_a_page_begins_a_chunk() -> None:
    first, second = words(20, "one"), words(20, "two")  # both would fit in one chunk
    paged = document(f"{first}\n\n{second}", text_format=TextFormat.PLAIN, page_starts=(0, len(first) + 2))
    chunks = StructureSplitter(COUNTER, 60, "fake").split(paged)

    assert [(chunk.page, chunk.text) for chunk in chunks] == [(1, first), (2, second)]


def test_endless_headings_and_titles_leave_room_for_text() -> None:
    chunks = split(f"# {words(200)}\n\n## {words(200)}\n\nThe text.\n", limit=40, title=words(300))

    assert any(chunk.text.endswith("The text.") for chunk in chunks)
    assert max(COUNTER.count_tokens([chunk.indexed_text for chunk in chunks])) <= 40


def test_a_word_without_end_is_cut() -> None:
    chunks = split("x" * 5000, limit=40)

    assert max(len(chunk.text) for chunk in chunks) <= 40 * 12
    assert "".join(chunk.text for chunk in chunks) == "x" * 5000


def test_equal_settings_have_equal_fingerprints_and_others_do_not() -> None:
    fingerprints = [
        StructureSplitter(COUNTER, limit, tokenizer).fingerprint
        for limit, tokenizer in ((60, "a"), (60, "a"), (61, "a"), (60, "b"))
    ]

    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 3


def test_the_splitter_travels_to_another_process() -> None:
    splitter = StructureSplitter(COUNTER, 60, "fake")
    again = pickle.loads(pickle.dumps(splitter))

    assert again.split(document("# A\n\nText.")) == splitter.split(document("# A\n\nText."))
    assert again.fingerprint == splitter.fingerprint


# -- any text at all


@pytest.mark.parametrize("heading", ["a" * 1_000_000, "word " * 200_000, "*a_" * 300_000])
def test_a_heading_without_end_stands_over_its_passages_in_short(heading: str) -> None:
    chunks = split(f"# {heading}\n\n" + "One paragraph more.\n\n" * 50)

    assert max(len(name) for chunk in chunks for name in chunk.heading_path) <= 501
    assert sum(chunk.text.count("One paragraph more.") for chunk in chunks) == 50


def test_a_text_of_several_megabytes_is_counted_in_pieces_and_split_as_one() -> None:
    text = "Every word of the text is in one of its chunks. " * 22_000
    chunks = split(text, text_format=TextFormat.PLAIN)

    assert " ".join(" ".join(chunk.text for chunk in chunks).split()) == text.strip()
    assert max(len(COUNTER.token_offsets(chunk.indexed_text)) for chunk in chunks) <= 60


_PIECES = st.sampled_from(
    [
        "# Heading\n", "## Sub\n", "### Deep *er*\n", "Title\n=====\n", "para words here. And more!\n", "\n", "\n\n",
        "- item\n", "  - nested\n", "1. first\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "```\ncode\n```\n", "~~~\n",
        "    indented\n", "> quoted\n", "---\n", "<div>\n", "</div>\n", "[ref]: http://x.y\n", "\t", "  ", "é", "漢字。",
        "a\u0301", "👩\u200d💻", "\u2028", "\x0b", "\x0c", "\xa0", "word " * 30, "x" * 150, "\\", "`", "|", "\ufeff",
    ]
)  # fmt: skip
_TEXTS = st.one_of(
    st.lists(_PIECES, max_size=40).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=400),
)


@given(text=_TEXTS, text_format=st.sampled_from(TextFormat), limit=st.integers(8, 80), title=st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_covered_exactly_once_within_the_limit(
    text: str, text_format: TextFormat, limit: int, title: str
) -> None:
    _check(document(text, title, text_format), StructureSplitter(COUNTER, limit, "fake"))


@given(text=_TEXTS, text_format=st.sampled_from(TextFormat), limit=st.integers(32, 80))
@settings(max_examples=100, deadline=None)
def test_the_same_holds_with_the_tokenizer_of_the_bundled_model(text: str, text_format: TextFormat, limit: int) -> None:
    _check(document(text, "A title", text_format), StructureSplitter(_bundled_tokenizer(), limit, "bundled"))


@given(text=_TEXTS, cuts=st.lists(st.integers(0, 400), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_pages_are_told_truthfully(text: str, cuts: list[int]) -> None:
    page_starts = (0, *sorted(min(cut, len(text)) for cut in cuts))
    paged = document(text, text_format=TextFormat.PLAIN, page_starts=page_starts)

    for chunk in StructureSplitter(COUNTER, 30, "fake").split(paged):
        assert chunk.page is not None
        assert page_starts[chunk.page - 1] <= chunk.start
        assert chunk.page == len(page_starts) or chunk.start < page_starts[chunk.page]


def _check(item: Document, splitter: StructureSplitter) -> None:
    chunks = splitter.split(item)
    text = item.text
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(chunk.text.strip() == chunk.text != "" for chunk in chunks)
    assert all(before.end <= after.start for before, after in pairwise(chunks))
    body = front_matter_end(text) if item.format is TextFormat.MARKDOWN else 0
    left = list(text[body:])
    for chunk in chunks:
        left[chunk.start - body : chunk.end - body] = " " * (chunk.end - chunk.start)
    assert not "".join(left).strip()
    counts = splitter.tokens.count_tokens([chunk.indexed_text for chunk in chunks])
    assert all(count <= splitter.max_tokens for chunk, count in zip(chunks, counts, strict=True) if len(chunk.text) > 1)
    assert splitter.split(item) == chunks


@cache
def _bundled_tokenizer() -> TokenizerFile:
    from pathlib import Path
    from tempfile import mkdtemp

    from retrieval.embedders.model import BUNDLED, locate_model

    return TokenizerFile(locate_model(BUNDLED, Path(mkdtemp())).tokenizer_file)


def test_a_chunk_that_ends_on_another_page_names_both() -> None:
    first, second = "The number of the rescue boat crew is", "extension 4471, day and night."
    text = f"{first}\n{second}"
    paged = document(text, text_format=TextFormat.PLAIN, page_starts=(0, len(first) + 1))
    (chunk,) = StructureSplitter(COUNTER, 60, "fake").split(paged)

    assert (chunk.page, chunk.last_page, chunk.pages) == (1, 2, "1–2")
