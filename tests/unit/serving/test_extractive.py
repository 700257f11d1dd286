"""The extractive generator quotes the documents word for word and cites every quotation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.chat.shown_place import shown_place
from core.ports import Generated, GenerationRequest, TextDelta
from core.storage.interactions import citation_json
from core.text.sentences import sentence_spans
from core.types import Chunk, Evidence, Passage, ScoredSentence, document_id
from serving.extractive import ExtractiveGenerator
from serving.grounding.quotes import select_quotes
from tests.fakes import FakeEmbedder

OFFSET = 100


def chunk(text: str, uri: str = "docs/a.md") -> Chunk:
    return Chunk(document_id(uri), 0, uri, "Title", ("Part",), 3, OFFSET, OFFSET + len(text), text)


def sentences(source: Chunk, *scores: float) -> tuple[ScoredSentence, ...]:
    spans = sentence_spans(source.text)
    assert len(spans) == len(scores)
    return tuple(
        ScoredSentence(source, OFFSET + start, OFFSET + end, source.text[start:end], score)
        for (start, end), score in zip(spans, scores, strict=True)
    )


def evidence(*groups: tuple[ScoredSentence, ...]) -> Evidence:
    found = sorted((s for group in groups for s in group), key=lambda s: -s.score)
    return Evidence(tuple(found), {}, 0.9)


async def answer(
    found: Evidence, max_tokens: int | None = None, question: str = "Who?", dates: Mapping[str, date] = {}
) -> tuple[str, Generated]:
    chunks = list({s.chunk.id: s.chunk for s in found.sentences}.values())
    passages = [Passage(c, "0" * 64, 1.0, {}, date=dates.get(c.uri)) for c in chunks]
    request = GenerationRequest(question, (), passages, found, max_tokens)
    text, last = "", None
    async for event in ExtractiveGenerator(FakeEmbedder()).stream(request):
        if isinstance(event, TextDelta):
            text += event.text
        else:
            last = event
    assert last is not None
    return text, last


async def test_the_best_sentence_is_quoted_with_its_place_in_the_document() -> None:
    source = chunk("Coffee is free. The team lead approves travel. Tea is free too.")
    text, done = await answer(evidence(sentences(source, 0.1, 0.9, 0.2)))
    assert text == "The team lead approves travel. [1]"
    (citation,) = done.citations
    assert citation.quote == "The team lead approves travel."
    assert source.text[citation.start - OFFSET : citation.end - OFFSET] == citation.quote
    assert (citation.chunk.page, citation.chunk.heading_path) == (3, ("Part",))


async def test_of_a_list_that_is_quoted_whole_the_citation_marks_the_items_that_answer() -> None:
    source = chunk("Before your first day:\n\n- Fill in the form\n- Order a laptop\n- Record a video")
    found = evidence(sentences(source, 0.3, 0.9, 0.85, 0.1))
    request = GenerationRequest("What?", (), [Passage(source, "0" * 64, 1.0, {})], found)
    *_, done = [event async for event in ExtractiveGenerator(FakeEmbedder(), whole=True).stream(request)]
    assert isinstance(done, Generated)
    (citation,) = done.citations
    assert citation.quote == source.text
    assert citation.marked_texts == ("Fill in the form", "Order a laptop")
    shown = citation_json(citation)
    assert [source.text[each["start"] - OFFSET : each["end"] - OFFSET] for each in shown["marked"]] == [
        *citation.marked_texts
    ]
    assert shown_place(shown, 1, "an answer").marked_texts == citation.marked_texts


@pytest.mark.parametrize(("last", "pages"), [(None, "3"), (4, "3–4")])
async def test_a_citation_names_the_pages_that_its_passage_stands_on(last: int | None, pages: str) -> None:
    source = replace(chunk("The team lead approves travel."), last_page=last)
    request = GenerationRequest("Who?", (), [Passage(source, "0" * 64, 1.0, {})], evidence(sentences(source, 0.9)))
    *_, done = [event async for event in ExtractiveGenerator(FakeEmbedder()).stream(request)]
    assert isinstance(done, Generated)
    assert shown_place(citation_json(done.citations[0]), 1, "an answer").page == pages


async def test_neighbouring_sentences_become_one_quotation() -> None:
    source = chunk("The lead approves travel. She signs the form. Tea is free.")
    text, done = await answer(evidence(sentences(source, 0.9, 0.85, 0.1)))
    assert text == "The lead approves travel. She signs the form. [1]"
    assert len(done.citations) == 1


async def test_sentences_of_two_documents_get_a_citation_each() -> None:
    first, second = chunk("The lead approves travel."), chunk("The director approves flights.", "docs/b.md")
    text, done = await answer(evidence(sentences(first, 0.8), sentences(second, 0.9)))
    assert text == "The director approves flights. [1]\n\nThe lead approves travel. [2]"
    assert [c.chunk.uri for c in done.citations] == ["docs/b.md", "docs/a.md"]


async def test_a_sentence_that_announces_a_list_is_quoted_with_the_list() -> None:
    source = chunk("Our values are:\n\n- Honesty at work\n- Care for others\n\nTea is free here.")
    text, _ = await answer(evidence(sentences(source, 0.9, 0.1, 0.1, 0.1)))
    assert text == "Our values are:\n\n- Honesty at work\n- Care for others [1]"


async def test_a_lone_list_item_loses_its_bullet() -> None:
    text, done = await answer(evidence(sentences(chunk("- Honesty at work"), 0.9)))
    assert text == "Honesty at work [1]"
    assert done.citations[0].quote == "- Honesty at work"


async def test_a_table_row_is_shown_without_its_bars_and_cited_as_it_stands() -> None:
    text, done = await answer(evidence(sentences(chunk("| `keys list` | lists the keys |"), 0.9)))
    assert text == "`keys list`: lists the keys [1]"
    assert done.citations[0].quote == "| `keys list` | lists the keys |"


async def test_rows_of_a_table_are_shown_as_a_list() -> None:
    text, _ = await answer(evidence(sentences(chunk("| one | first thing |\n| two | second thing |"), 0.9, 0.9)))
    assert text == "- one: first thing\n- two: second thing [1]"


async def test_a_token_limit_ends_the_answer_between_quotations_and_says_so() -> None:
    first, second = chunk("The lead approves travel."), chunk("The director approves flights.", "docs/b.md")
    text, done = await answer(evidence(sentences(first, 0.8), sentences(second, 0.9)), max_tokens=9)
    assert text == "The director approves flights. [1]"
    assert done.finish_reason == "length"
    assert done.usage.completion_tokens <= 9


async def test_weak_sentences_are_left_out() -> None:
    source = chunk("The lead approves travel. The weather was mild. The sea was calm.")
    text, _ = await answer(evidence(sentences(source, 0.9, 0.5, 0.4)))
    assert text == "The lead approves travel. [1]"


def test_no_evidence_gives_no_quotation() -> None:
    assert select_quotes(Evidence((), {}, 0.0), "english") == []


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_every_quotation_is_a_copy_of_its_document(lines: list[str], random) -> None:  # type: ignore[no-untyped-def]
    source = chunk("\n".join(lines))
    found = tuple(
        ScoredSentence(source, OFFSET + start, OFFSET + end, source.text[start:end], random.random())
        for start, end in sentence_spans(source.text)
    )
    for quote in select_quotes(evidence(found), "english"):
        assert source.start <= quote.start < quote.end <= source.end
        assert quote.text == source.text[quote.start - OFFSET : quote.end - OFFSET]


async def test_sources_that_contradict_one_another_are_both_quoted_and_named_with_their_dates() -> None:
    new, old = chunk("The hotel limit is 130 euros."), chunk("The hotel limit is 120 euros.", "docs/b.md")
    dates = {"docs/a.md": date(2025, 2, 1)}
    found = evidence(sentences(new, 0.9), sentences(old, 0.7))
    text, done = await answer(found, question="What is the hotel limit?", dates=dates)
    assert text == (
        "*The sources differ:* Title (`docs/a.md`, 2025-02-01) says 130 [1]; Title (`docs/b.md`, no date) says 120 [2]."
        "\n\nThe hotel limit is 130 euros. [1]\n\nThe hotel limit is 120 euros. [2]"
    )
    ((one, other),) = done.differences
    assert (one.citation, other.citation) == done.citations
    assert (one.date, other.date) == (date(2025, 2, 1), None)


async def test_an_answer_cut_short_names_no_source_that_it_does_not_show() -> None:
    new, old = chunk("The hotel limit is 130 euros."), chunk("The hotel limit is 120 euros.", "docs/b.md")
    text, done = await answer(evidence(sentences(new, 0.9), sentences(old, 0.7)), 10, "What is the hotel limit?")
    assert (text, done.citations, done.differences) == ("The hotel limit is 130 euros. [1]", done.citations[:1], ())
