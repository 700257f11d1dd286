"""A generator over a mock model, and what it is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

from core.ports import Generated, GenerationRequest, Generator, TextDelta
from core.release import GeneratorSpec
from core.settings import load_settings
from core.text.sentences import sentence_spans
from core.types import Evidence, Passage, ScoredSentence, Turn
from serving.llm.endpoint import ModelEndpoint
from serving.llm.generator import LLMGenerator, ServedModels
from serving.prompts.library import load_prompts
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner
from tests.support.passages import passage

SPEC = GeneratorSpec(kind="llm", base_model="base")
TRAVEL = passage("The team lead approves travel requests. Tea is free for everyone.", "docs/travel.md", "Travel")


def generator_over(
    model: MockModel, spec: GeneratorSpec = SPEC, servers: ServedModels | None = None, **settings: Any
) -> LLMGenerator:
    """The generator whose endpoint the mock is."""
    return LLMGenerator(endpoint_over(model, **settings), spec, load_prompts()["answer"][2], servers)


def endpoint_over(model: MockModel, **settings: Any) -> ModelEndpoint:
    """The endpoint that the mock is; impatient with one that says nothing, so that a test need not wait."""
    silent = model.manner in (ModelManner.HANGS, ModelManner.STALLS)
    impatient = {"model_first_token_seconds": 1.0, "model_idle_seconds": 0.5} if silent else {}
    return ModelEndpoint(load_settings(model_url=model.url, **{**impatient, **settings}))


def asking(
    question: str = "Who approves travel?",
    passages: Sequence[Passage] = (TRAVEL,),
    history: Sequence[Turn] = (),
    max_tokens: int | None = None,
) -> GenerationRequest:
    """A request with the passages' sentences as evidence, the first one best."""
    sentences = tuple(
        ScoredSentence(p.chunk, p.chunk.start + start, p.chunk.start + end, p.chunk.text[start:end], 0.9 - 0.3 * number)
        for p in passages
        for number, (start, end) in enumerate(sentence_spans(p.chunk.text))
    )
    return GenerationRequest(question, history, tuple(passages), Evidence(sentences, {}, 0.9), max_tokens)


def opened(generator: Generator, request: GenerationRequest) -> AsyncGenerator[TextDelta | Generated, None]:
    """The generator's events, which can be closed."""
    return cast(AsyncGenerator[TextDelta | Generated, None], generator.stream(request))


async def answer(generator: Generator, request: GenerationRequest | None = None) -> tuple[str, Generated]:
    """The whole text and its end."""
    text: list[str] = []
    end: Generated | None = None
    async with aclosing(opened(generator, request or asking())) as events:
        async for event in events:
            if isinstance(event, Generated):
                end = event
            else:
                text.append(event.text)
    assert end is not None
    return "".join(text), end
