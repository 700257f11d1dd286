"""The LLM generator over a model server that behaves, and over every one that does not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from core.errors import BusyError, ContextTooLongError, ModelRefusedError, ModelUnavailableError
from core.ports import Generated, TextDelta
from core.release import GeneratorSpec
from core.settings import load_settings
from core.types import Turn, Usage
from serving.filters.prompt_guard import NOTE
from serving.llm.breaker import FAILURES, PROBE_SECONDS
from serving.llm.endpoint import ModelEndpoint
from serving.llm.failures import BrokenOffError
from serving.llm.generator import LLMGenerator
from serving.prompts.library import load_prompts
from tests.support.asked import (
    SPEC,
    TRAVEL,
    answer,
    asking,
    endpoint_over,
    generator_over,
    opened,
)
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner
from tests.support.passages import passage


@pytest.fixture
def model() -> Iterator[MockModel]:
    with MockModel() as running:
        yield running


# ------------------------------------------------------------ a server that behaves


async def test_an_answer_is_cited_counted_and_timed(model: MockModel) -> None:
    model.first_token_seconds, model.tokens_per_second = 0.05, 100.0
    text, end = await answer(generator_over(model))
    assert text == "The team lead approves travel requests. [1]"
    (citation,) = end.citations
    assert citation.quote == "The team lead approves travel requests."
    assert (end.finish_reason, end.degraded) == ("stop", False)
    assert end.usage == end.model_usage == Usage(end.usage.prompt_tokens, 10)
    assert end.model is not None
    assert end.model.model == "base"
    assert end.model.first_token_seconds >= 0.05
    assert 30 < end.model.tokens_per_second < 130
    assert (end.model.passages, end.model.attempts) == (1, 1)


async def test_what_the_release_says_is_what_is_asked(model: MockModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody")
    sampling = {"temperature": 0.2, "top_p": 0.9, "seed": 7.0, "top_k": 20.0, "max_tokens": 64.0}
    await answer(generator_over(model, GeneratorSpec(kind="llm", base_model="base", sampling=sampling)))
    (body,) = model.bodies
    asked = {name: body[name] for name in ("model", "temperature", "top_p", "seed", "top_k", "max_completion_tokens")}
    assert asked == {
        "model": "base",
        "temperature": 0.2,
        "top_p": 0.9,
        "seed": 7,
        "top_k": 20,
        "max_completion_tokens": 64,
    }
    assert body["stream"]
    assert "sk-of-somebody" not in str(model.headers)


async def test_the_chat_model_gives_a_whole_answer_too(model: MockModel) -> None:
    said = await endpoint_over(model).chat_model(SPEC).ainvoke("Tea is free. [1]\n\nQuestion: Is tea free?")
    assert said.text == "Tea is free. [1]"


async def test_the_key_of_the_settings_is_the_one_that_is_sent(model: MockModel) -> None:
    model.api_key = "right"
    assert (await answer(generator_over(model, model_api_key="right")))[0]


@pytest.mark.parametrize(("request_limit", "expected"), [(None, 100), (30, 30), (5000, 100)])
async def test_the_least_of_the_limits_on_tokens_holds(model: MockModel, request_limit: int, expected: int) -> None:
    spec = GeneratorSpec(kind="llm", base_model="base", sampling={"max_tokens": 200})
    await answer(generator_over(model, spec, model_max_tokens=100), asking(max_tokens=request_limit))
    assert model.bodies[0]["max_completion_tokens"] == expected


async def test_an_answer_cut_by_its_limit_says_so(model: MockModel) -> None:
    text, end = await answer(generator_over(model), asking(max_tokens=3))
    assert (text.strip(), end.finish_reason, end.usage.completion_tokens) == ("The team lead", "length", 3)


async def test_passages_that_do_not_fit_are_left_out_and_counted(model: MockModel) -> None:
    model.max_model_len = 600
    long = " ".join(["The office in Lisbon opens at nine."] * 12)
    passages = [TRAVEL, *(passage(long, f"docs/{number}.md") for number in range(6))]
    history = [Turn("user", "Hello? " * 50), Turn("assistant", "Hello. " * 50)] * 5
    _, end = await answer(generator_over(model, model_max_tokens=100), asking(passages=passages, history=history))
    assert end.model is not None
    assert 1 <= end.model.passages < 7
    assert end.usage.prompt_tokens + 100 <= 600


async def test_a_question_too_long_for_the_model_is_the_askers_to_shorten(model: MockModel) -> None:
    model.max_model_len = 300
    with pytest.raises(ContextTooLongError):
        await answer(generator_over(model, model_max_tokens=100), asking("Who approves travel? " * 100))
    assert not model.bodies


async def test_only_a_release_with_the_prompt_guard_withholds_what_the_model_recites(model: MockModel) -> None:
    prompt = load_prompts()["answer"][2]
    words = " ".join(prompt.system.split()[:20])
    model.respond = lambda messages: words
    endpoint = endpoint_over(model)
    assert (await answer(LLMGenerator(endpoint, SPEC, prompt)))[0] == words
    assert NOTE in (await answer(LLMGenerator(endpoint, SPEC, prompt, guarded=True)))[0]


async def test_any_chat_model_of_langchain_will_do() -> None:
    fake = GenericFakeChatModel(messages=iter([AIMessage("The team lead approves travel requests. [1]")]))
    endpoint = ModelEndpoint(load_settings(), fake)
    text, end = await answer(LLMGenerator(endpoint, SPEC, load_prompts()["answer"][2]))
    assert text == "The team lead approves travel requests. [1]"
    assert end.citations[0].marker == 1
    assert end.usage.completion_tokens > 0  # estimated, for it counts nothing


async def test_version_one_of_the_prompt_can_be_answered_with_too(model: MockModel) -> None:
    model.respond = lambda messages: "It is the team lead [1]." if 'marker="1"' in messages[-1]["content"] else ""
    endpoint = ModelEndpoint(load_settings(model_url=model.url))
    text, _ = await answer(LLMGenerator(endpoint, SPEC, load_prompts()["answer"][1]))
    assert text == "It is the team lead [1]."


def test_each_event_loop_has_its_own_connections_and_closes_them(model: MockModel) -> None:
    generator = generator_over(model)
    assert asyncio.run(answer(generator)) is not None
    assert asyncio.run(answer(generator)) is not None
    assert not generator._endpoint._by_loop


# ------------------------------------------------------------ servers that do not


async def failure(model: MockModel, manner: ModelManner, **settings: Any) -> ModelUnavailableError:
    model.manner = manner
    with pytest.raises(ModelUnavailableError) as raised:
        await answer(generator_over(model, **settings))
    return raised.value


@pytest.mark.parametrize(
    ("manner", "said", "hint"),
    [
        (ModelManner.UNAUTHORIZED, "does not accept the API key", "RAGLOOP_MODEL_API_KEY"),
        (ModelManner.FORBIDDEN, "does not let this API key use base", "RAGLOOP_MODEL_API_KEY"),
        (ModelManner.OVERFLOW, "longer than its context", "RAGLOOP_MODEL_CONTEXT_TOKENS"),
    ],
)
async def test_a_refusal_is_not_repeated_and_names_the_setting(
    model: MockModel, manner: ModelManner, said: str, hint: str
) -> None:
    error = await failure(model, manner)
    assert isinstance(error, ModelRefusedError)
    assert said in error.message
    assert hint in error.hint
    assert len(model.bodies) == 1


@pytest.mark.parametrize(
    ("manner", "said", "hint"),
    [
        (ModelManner.BUSY, "too many requests", "RAGLOOP_MODEL_CONCURRENCY"),
        (ModelManner.SERVER_ERROR, "status 500", "log"),
    ],
)
async def test_what_may_pass_is_tried_again_twice(model: MockModel, manner: ModelManner, said: str, hint: str) -> None:
    error = await failure(model, manner)
    assert said in error.message
    assert hint in error.hint
    assert len(model.bodies) == 3


async def test_a_server_that_recovers_in_time_has_answered(model: MockModel) -> None:
    model.manner, model.failures = ModelManner.SERVER_ERROR, 2
    text, end = await answer(generator_over(model))
    assert text.endswith("[1]")
    assert end.model is not None
    assert end.model.attempts == 3


@pytest.mark.parametrize(
    ("manner", "said", "hint"),
    [
        (ModelManner.EMPTY, "empty", "chat template"),
        (ModelManner.NOT_JSON, "not a chat completion", "RAGLOOP_MODEL_URL"),
        (ModelManner.BROKEN_JSON, "not a chat completion", "RAGLOOP_MODEL_URL"),
        (ModelManner.ERROR_EVENT, "failed while it answered: EngineCore died", "log"),
        (ModelManner.HANGS, "too slow", "RAGLOOP_MODEL_FIRST_TOKEN_SECONDS"),
    ],
)
async def test_what_is_no_answer_is_an_error_before_any_text(
    model: MockModel, manner: ModelManner, said: str, hint: str
) -> None:
    error = await failure(model, manner)
    assert not isinstance(error, BrokenOffError)
    assert said in error.message
    assert hint in error.hint
    assert len(model.bodies) == 1


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        (ModelManner.TRUNCATED, "cut off"),
        (ModelManner.DROPPED, "cannot be reached or broke off"),
        (ModelManner.STALLS, "too slow"),
    ],
)
async def test_an_answer_that_breaks_off_is_not_begun_again_and_says_what_it_used(
    model: MockModel, manner: ModelManner, said: str
) -> None:
    error = await failure(model, manner)
    assert isinstance(error, BrokenOffError)
    assert said in error.message
    assert error.so_far.model is not None
    assert error.so_far.usage.completion_tokens > 0
    assert len(model.bodies) == 1


async def test_the_wrong_name_names_the_release_and_the_address(model: MockModel) -> None:
    with pytest.raises(ModelRefusedError, match="does not serve another") as raised:
        await answer(generator_over(model, GeneratorSpec(kind="llm", base_model="another")))
    assert "generator.base_model" in raised.value.hint


async def test_a_server_that_is_not_there_is_named_with_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = load_settings(model_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(ModelUnavailableError, match="cannot be reached") as raised:
            await answer(LLMGenerator(ModelEndpoint(settings), SPEC, load_prompts()["answer"][2]))
    assert "RAGLOOP_MODEL_URL" in raised.value.hint


# ------------------------------------------------------------ adapters, breaker, limits, leaving


class Servers:
    """Sees to adapters by writing them into the mock."""

    def __init__(self, model: MockModel) -> None:
        self.model = model
        self.known: set[str] = set()
        self.forgotten = 0

    async def ensure(self, spec: GeneratorSpec) -> None:
        name = spec.served_model or ""
        if name not in self.known:
            self.model.adapters[name] = "folder"
            self.known.add(name)

    def forget(self, spec: GeneratorSpec) -> None:
        self.known.discard(spec.served_model or "")
        self.forgotten += 1


async def test_an_adapter_that_the_server_lost_is_brought_back_within_the_question(model: MockModel) -> None:
    spec = GeneratorSpec(kind="llm", base_model="base", adapter_digest="ab" * 32)
    servers = Servers(model)
    generator = generator_over(model, spec, servers)
    _, end = await answer(generator)
    assert end.model is not None
    assert end.model.model == "base-abababababababab"
    model.adapters.clear()  # as if it had been started anew
    assert (await answer(generator))[0].endswith("[1]")
    assert servers.forgotten == 1


async def test_a_server_that_is_down_is_not_asked_each_time_and_used_again_when_it_is_back(model: MockModel) -> None:
    generator = generator_over(model)
    clock = 0.0
    generator._endpoint.breaker._clock = lambda: clock
    model.manner = ModelManner.DROPPED
    for _ in range(FAILURES):
        with pytest.raises(ModelUnavailableError):
            await answer(generator)
    asked = len(model.bodies)
    for _ in range(5):
        with pytest.raises(ModelUnavailableError, match="is down"):
            await answer(generator)
    assert len(model.bodies) == asked
    model.manner = ModelManner.SENSIBLE
    clock += PROBE_SECONDS
    assert (await answer(generator))[0]
    assert (await answer(generator))[0]


@pytest.mark.parametrize(
    "manner", [ModelManner.UNAUTHORIZED, ModelManner.BUSY, ModelManner.EMPTY, ModelManner.OVERFLOW]
)
async def test_a_server_that_answers_is_not_taken_to_be_down(model: MockModel, manner: ModelManner) -> None:
    generator = generator_over(model)
    model.manner = manner
    for _ in range(FAILURES):
        with pytest.raises(ModelUnavailableError):
            await answer(generator)
    assert not generator._endpoint.breaker.is_open


async def test_too_many_questions_are_told_to_come_back(model: MockModel) -> None:
    model.first_token_seconds = 0.3
    generator = generator_over(model, model_concurrency=1)
    first, second = asyncio.create_task(answer(generator)), asyncio.create_task(answer(generator))
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await answer(generator)
    _, end = await second
    await first
    assert end.model is not None
    assert end.model.queue_seconds > 0.2
    assert model.stats.most_open == 1
    assert not generator._endpoint.breaker.is_open


@pytest.mark.parametrize("when", ["before the first text", "in the middle"])
async def test_closing_the_stream_ends_the_request_at_the_server_within_a_second(model: MockModel, when: str) -> None:
    model.words, model.tokens_per_second = 500, 50.0
    model.first_token_seconds = 30.0 if when == "before the first text" else 0.0
    generator = generator_over(model)
    before = asyncio.all_tasks()
    await _leave(opened(generator, asking()), model, tokens=0 if when == "before the first text" else 3)
    await _until(lambda: model.stats.aborted == 1)
    assert model.stats.open == 0
    left = {task.get_name() for task in asyncio.all_tasks() - before}
    assert left <= {"model endpoint"}
    model.words, model.first_token_seconds = 0, 0.0
    assert (await answer(generator))[0]  # its place is free


async def _leave(events: AsyncGenerator[TextDelta | Generated, None], model: MockModel, tokens: int) -> None:
    """Read until the model has written so many tokens, and close."""

    async def read() -> None:
        async for event in events:
            assert isinstance(event, TextDelta)

    reading = asyncio.create_task(read())
    await _until(lambda: model.stats.open == 1 and model.stats.requests[-1].tokens >= tokens, 10)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await events.aclose()


async def _until(holds: Callable[[], bool], seconds: float = 1.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def test_tokens_that_come_together_go_out_together(model: MockModel) -> None:
    model.words = 300
    pieces = 0
    async for event in generator_over(model).stream(asking()):
        pieces += isinstance(event, TextDelta)
    assert pieces < 300
