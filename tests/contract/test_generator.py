"""What every Generator does: text in pieces, then exactly one Generated that cites only what it was given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest

from core.ports import Generated, GenerationRequest, Generator, TextDelta
from core.text.sentences import sentence_spans
from core.types import Chunk, Evidence, Passage, ScoredSentence, document_id
from serving.extractive import ExtractiveGenerator
from serving.fallback import FallbackGenerator
from tests.fakes import FakeEmbedder, FakeGenerator
from tests.support.asked import generator_over
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner

TEXT = "The team lead approves travel requests. Tea is free for everyone."


def request(max_tokens: int | None = None) -> GenerationRequest:
    chunk = Chunk(document_id("docs/a.md"), 0, "docs/a.md", "Travel", (), None, 10, 10 + len(TEXT), TEXT)
    sentences = tuple(
        ScoredSentence(chunk, 10 + start, 10 + end, TEXT[start:end], 0.9 - 0.5 * number)
        for number, (start, end) in enumerate(sentence_spans(TEXT))
    )
    passage = Passage(chunk, "0" * 64, 1.0, {"fused": 1.0})
    return GenerationRequest("Who approves travel?", (), (passage,), Evidence(sentences, {}, 0.9), max_tokens)


@pytest.fixture(scope="module")
def model() -> Iterator[MockModel]:
    with MockModel() as running:
        yield running


def _extractive(_: MockModel) -> Generator:
    return ExtractiveGenerator(FakeEmbedder())


def _fallback(model: MockModel) -> Generator:
    return FallbackGenerator(generator_over(model), ExtractiveGenerator(FakeEmbedder()))


def _fallback_without_model(model: MockModel) -> Generator:
    model.manner = ModelManner.UNAUTHORIZED
    return _fallback(model)


GENERATORS: dict[str, Callable[[MockModel], Generator]] = {
    "extractive": _extractive,
    "fake": lambda _: FakeGenerator(),
    "llm": generator_over,
    "fallback": _fallback,
    "fallback without its model": _fallback_without_model,
}


@pytest.fixture(params=GENERATORS)
def generator(request: pytest.FixtureRequest, model: MockModel) -> Generator:
    model.manner = ModelManner.SENSIBLE
    return GENERATORS[request.param](model)


async def collect(events: AsyncIterator[TextDelta | Generated]) -> tuple[str, list[Generated]]:
    text, finished = "", []
    async for event in events:
        if isinstance(event, TextDelta):
            assert not finished, "text came after the end"
            text += event.text
        else:
            finished.append(event)
    return text, finished


async def test_text_comes_first_and_then_exactly_one_end(generator: Generator) -> None:
    text, finished = await collect(generator.stream(request()))
    assert text
    assert len(finished) == 1


async def test_citations_are_exact_copies_out_of_the_passages_given(generator: Generator) -> None:
    asked = request()
    text, (finished,) = await collect(generator.stream(asked))
    given = {passage.chunk.id: passage.chunk for passage in asked.passages}
    assert finished.citations
    for number, citation in enumerate(finished.citations, start=1):
        assert citation.marker == number
        assert f"[{number}]" in text
        chunk = given[citation.chunk.id]
        assert chunk.text[citation.start - chunk.start : citation.end - chunk.start] == citation.quote


async def test_tokens_are_counted(generator: Generator) -> None:
    _, (finished,) = await collect(generator.stream(request()))
    assert finished.usage.prompt_tokens > 0
    assert finished.usage.completion_tokens > 0


async def test_a_limit_on_tokens_is_kept_and_named_as_the_reason(generator: Generator) -> None:
    _, (finished,) = await collect(generator.stream(request(max_tokens=1)))
    assert finished.usage.completion_tokens <= 1
    assert finished.finish_reason == "length"


async def test_the_same_request_gives_the_same_answer(generator: Generator) -> None:
    (text, (end,)), (again, (other,)) = [await collect(generator.stream(request())) for _ in range(2)]
    assert text == again
    assert replace(end, model=None) == replace(other, model=None)  # which took another time


async def test_markers_count_from_where_the_request_says(generator: Generator) -> None:
    text, (finished,) = await collect(generator.stream(replace(request(), first_marker=3)))
    assert "[3]" in text
    assert finished.citations[0].marker == 3
