"""What becomes of files in which nothing is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FailureKind
from core.types import Document, SourceItem, TextFormat
from ingestion.converters.worker import Converted, Rejected, split
from ingestion.splitting.structure_splitter import StructureSplitter
from tests.fakes import FakeEmbedder

ITEM = SourceItem("docs/a.md", "docs", "1", 1)
SPLITTER = StructureSplitter(FakeEmbedder(), 60, "fake")

WORDLESS = [
    "---\ntitle: Draft\nowner: Kim\n---\n",
    "![The pump](pump.png)",
    "![The pump][pump]",
    "[pump]: https://example.org/pump.png",
    '<img src="pump.png" alt="The pump">',
    "<!-- nothing to see -->",
    "<!-- never closed",
    "---",
    "```\n```",
    "&nbsp; \u200b \ufeff",
    "| | |\n|---|---|\n| | |",
    "<br/>",
    "…",
]
SPOKEN = ["# Pumps", "Three pumps run.", "| Zone | Euros |\n|---|---|\n| South | 12 |", "`x`", "第三条", "7"]


def outcome(text: str, text_format: TextFormat = TextFormat.MARKDOWN) -> Converted | Rejected:
    return split(Document("docs/a.md", "A title", text, text_format, "text/markdown", "0" * 64), ITEM, SPLITTER)


@pytest.mark.parametrize("text", WORDLESS)
def test_a_file_without_a_word_is_named_as_empty_with_its_title(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, Rejected)
    assert result.kind is FailureKind.EMPTY
    assert "“A title”" in result.reason


@given(st.lists(st.sampled_from(WORDLESS[1:6] + WORDLESS[7:] + SPOKEN), max_size=6))
def test_a_document_has_a_chunk_with_words_or_is_named(parts: list[str]) -> None:
    result = outcome("\n\n".join(parts))
    if any(part in SPOKEN for part in parts):
        assert isinstance(result, Converted)
        assert any(any(c.isalnum() for c in chunk.text) for chunk in result.chunks)
    else:
        assert isinstance(result, Rejected)


@given(st.text())
def test_no_text_ends_without_chunks_and_without_a_name(text: str) -> None:
    for text_format in TextFormat:
        result = outcome(text, text_format)
        assert isinstance(result, Rejected) or result.chunks


def test_what_looks_like_markup_is_text_in_a_plain_file() -> None:
    assert isinstance(outcome("<!-- said in so many words -->", TextFormat.PLAIN), Converted)
