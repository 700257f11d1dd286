"""What every Splitter promises."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.ports import Splitter
from core.types import Document, TextFormat
from ingestion.splitting.structure_splitter import StructureSplitter
from tests.fakes import FakeEmbedder

MARKDOWN = """---
title: A guide
---
# Guide

Some words. More words follow here, and then a few more of them for good measure.

## Lists

- one item
- another item
  - a nested item

| a | b |
|---|---|
| 1 | 2 |

```python
print("# not a heading")
```

## Ends

The end. The end. The end.
"""


@pytest.fixture
def splitter() -> Splitter:
    return StructureSplitter(FakeEmbedder(), 40, FakeEmbedder.fingerprint)


def document(text: str, text_format: TextFormat = TextFormat.MARKDOWN, page_starts: tuple[int, ...] = ()) -> Document:
    return Document("docs/guide.md", "A guide", text, text_format, "text/markdown", "0" * 64, page_starts)


TEXTS = [
    MARKDOWN,
    "one",
    "\n\n  one word between blank lines \n\n",
    "The same line.\n" * 60,
    "Ein Satz mit Umlauten: äöü. " * 30,
    "没有空格的文字。" * 60,
    "word " * 500,
    "x" * 3000,
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("text_format", list(TextFormat))
def test_spans_are_exact_and_in_order(splitter: Splitter, text: str, text_format: TextFormat) -> None:
    chunks = splitter.split(document(text, text_format))

    assert chunks
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(chunk.text.strip() for chunk in chunks)
    assert all(before.start < after.start for before, after in pairwise(chunks))


@pytest.mark.parametrize("text", TEXTS)
def test_every_word_is_in_a_chunk(splitter: Splitter, text: str) -> None:
    covered = [False] * len(text)
    for chunk in splitter.split(document(text)):
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
    body = text.index("# Guide") if text is MARKDOWN else 0

    assert all(done or letter.isspace() for done, letter in zip(covered[body:], text[body:], strict=True))


@pytest.mark.parametrize("text", [*TEXTS, "a" * 10_000, "word " * 5_000, "|" * 5_000])
def test_no_chunk_is_longer_than_the_splitter_says(splitter: Splitter, text: str) -> None:
    assert all(len(chunk.text) <= splitter.longest_chunk for chunk in splitter.split(document(text)))


def test_chunks_know_their_document(splitter: Splitter) -> None:
    guide = document(MARKDOWN)
    for chunk in splitter.split(guide):
        assert (chunk.document_id, chunk.uri) == (guide.id, guide.uri)
        assert chunk.title == "A guide"


def test_splitting_is_deterministic(splitter: Splitter) -> None:
    assert splitter.split(document(MARKDOWN)) == splitter.split(document(MARKDOWN))


def test_a_text_without_words_has_no_chunks(splitter: Splitter) -> None:
    assert list(splitter.split(document(" \n\n "))) == []


def test_a_chunk_knows_its_page(splitter: Splitter) -> None:
    pages = ["First page. " * 30, "Second page. " * 30]
    text = "\n\n".join(pages)
    starts = (0, len(pages[0]) + 2)

    chunks = splitter.split(document(text, TextFormat.PLAIN, starts))

    assert {chunk.page for chunk in chunks} == {1, 2}
    assert all(chunk.page == (2 if chunk.start >= starts[1] else 1) for chunk in chunks)


def test_a_document_without_pages_has_chunks_without_page(splitter: Splitter) -> None:
    assert {chunk.page for chunk in splitter.split(document(MARKDOWN))} == {None}


def test_the_fingerprint_names_the_splitter(splitter: Splitter) -> None:
    assert splitter.name
    assert len(splitter.fingerprint) == 64
