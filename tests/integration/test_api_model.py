"""Questions to a release that a served model answers, over HTTP: streamed, degraded, recovered, busy, given up."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import ModelUnavailableError
from core.release import GeneratorSpec
from core.storage.interactions import InteractionRepository
from core.types import AccessScope, Turn
from serving.answerer import Question
from serving.factory import build_answerer
from serving.fallback import broke_off
from serving.llm.breaker import PROBE_SECONDS
from serving.refusal import NOT_FOUND
from serving.wording.catalogue import wording
from serving.wording.languages.english import ENGLISH
from tests.support.app_world import World, asks
from tests.support.loopback_server import LoopbackServer
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner

QUESTION = "How many days of holiday has every employee each year?"
PATH = "/v1/chat/completions"
SAID = "Every employee has thirty days of holiday each year. [1]"


@pytest.fixture
def model() -> Iterator[MockModel]:
    with MockModel() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, model: MockModel) -> World:
    overrides = {
        "model_url": model.url,
        "model_concurrency": 1,
        "price_prompt_tokens": 1.0,
        "price_completion_tokens": 2.0,
    }
    return World(tmp_path, overrides).ingest(GeneratorSpec(kind="llm", base_model="base"))


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    world.services.warm_up()
    async with world.client() as client:
        yield client


def events(text: str) -> list[dict[str, Any]]:
    lines = text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def said(stream: list[dict[str, Any]]) -> str:
    return "".join(each["choices"][0]["delta"].get("content") or "" for each in stream)


async def test_a_models_answer_is_streamed_as_it_is_written_and_cited(
    client: httpx.AsyncClient, model: MockModel
) -> None:
    model.tokens_per_second = 100.0
    response = await client.post(PATH, json=asks(QUESTION, stream=True))
    stream = events(response.text)
    assert len(stream) > 6
    last = stream[-1]
    assert said(stream) == last["answer"] == SAID
    assert (last["degraded"], last["abstained"]) == (False, False)
    (citation,) = last["citations"]
    assert citation["quote"] == "Every employee has thirty days of holiday each year."
    assert last["model_use"]["model"] == "base"


async def test_an_answer_costs_what_the_model_read_and_wrote(world: World, model: MockModel) -> None:
    answerer = build_answerer(world.services, world.release) if world.release else None
    assert answerer is not None
    answer = await answerer.ask(Question(QUESTION, AccessScope.of("public"), "api"))
    used = answer.usage
    assert answer.cost == pytest.approx((used.prompt_tokens + 2 * used.completion_tokens) / 1_000_000)
    model.manner = ModelManner.UNAUTHORIZED
    degraded = await answerer.ask(Question(QUESTION, AccessScope.of("public"), "api"))
    assert (degraded.degraded, degraded.cost, degraded.model) == (True, 0, None)


async def test_a_model_that_finds_nothing_has_abstained(client: httpx.AsyncClient, model: MockModel) -> None:
    model.respond = lambda _: NOT_FOUND
    body = (await client.post(PATH, json=asks(QUESTION))).json()
    assert (body["answer"], body["abstained"], body["citations"]) == (NOT_FOUND, True, [])


async def test_a_model_s_refusal_is_shown_in_the_language_of_the_question(
    client: httpx.AsyncClient, world: World, model: MockModel
) -> None:
    model.respond = lambda _: f"{NOT_FOUND} [1]"
    asked = "Does every employee have thirty days of holiday each year, und wie viele sind es in einem Jahr?"
    body = (await client.post(PATH, json=asks(asked))).json()
    assert (body["answer"], body["language"], body["abstained"]) == (wording("de").not_found, "de", True)
    streamed = await client.post(PATH, json=asks(asked, stream=True))
    events = [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: {")]
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == body["answer"]
    recorded = InteractionRepository(world.database).get(body["interaction_id"])
    assert recorded is not None
    assert recorded.answer == body["answer"]


async def test_while_the_model_is_down_answers_are_extractive_and_then_they_are_the_models_again(
    client: httpx.AsyncClient, world: World, model: MockModel
) -> None:
    await _answered(client)
    clock = 0.0
    world.services.model_endpoint.breaker._clock = lambda: clock
    model.manner = ModelManner.SERVER_ERROR
    for _ in range(5):
        response = await client.post(PATH, json=asks(QUESTION))
        assert (response.status_code, response.json()["degraded"]) == (200, True)
        assert "thirty days of holiday" in response.json()["answer"]
    started = time.perf_counter()
    assert (await client.post(PATH, json=asks(QUESTION))).json()["degraded"]
    assert time.perf_counter() - started < 2.0  # nobody waits for a server that is known to be down
    assert (await client.get("/readyz")).json()["model_server"] == "degraded"
    assert "ragloop_model_up 0.0" in (await client.get("/metrics")).text
    model.manner = ModelManner.SENSIBLE
    clock += PROBE_SECONDS
    body = (await client.post(PATH, json=asks(QUESTION))).json()
    assert (body["degraded"], body["answer"]) == (False, SAID)
    assert (await client.get("/readyz")).json()["model_server"] == "ok"


async def test_a_model_that_breaks_off_in_a_stream_is_followed_by_the_documents(
    client: httpx.AsyncClient, model: MockModel
) -> None:
    await _answered(client)
    model.manner = ModelManner.DROPPED
    model.respond = lambda _: f"{SAID} " + "There is more to be said about that. " * 5
    stream = events((await client.post(PATH, json=asks(QUESTION, stream=True))).text)
    last = stream[-1]
    assert said(stream) == last["answer"]
    before, _, after = last["answer"].partition(broke_off(ENGLISH))
    assert before.startswith(SAID)
    assert "[2]" in after
    assert last["degraded"]
    assert [citation["marker"] for citation in last["citations"]] == list(range(1, len(last["citations"]) + 1))


@pytest.mark.parametrize("stream", [False, True])
async def test_beyond_the_limit_there_is_429_with_retry_after_before_anything_is_streamed(
    client: httpx.AsyncClient, world: World, model: MockModel, stream: bool
) -> None:
    await _answered(client)
    refusing = threading.Event()
    model.respond = lambda _: SAID if refusing.wait(60) else ""
    writing = [asyncio.create_task(client.post(PATH, json=asks(QUESTION, stream=stream))) for _ in range(2)]
    try:
        async with asyncio.timeout(30):
            while (load := world.services.model_endpoint.load).writing < 1 or load.waiting < 1:
                await asyncio.sleep(0.01)
        refused = await client.post(PATH, json=asks(QUESTION, stream=stream))
    finally:
        refusing.set()
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["error"]["type"] == "busy"
    assert "RAGLOOP_MODEL_CONCURRENCY" in refused.json()["error"]["hint"]
    assert [response.status_code for response in await asyncio.gather(*writing)] == [200, 200]


async def test_a_question_that_fills_the_context_is_refused(client: httpx.AsyncClient, model: MockModel) -> None:
    model.max_model_len = 400
    response = await client.post(PATH, json=asks(f"{QUESTION} " * 40))
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "context_too_long"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_the_request_at_the_model_within_a_second(
    world: World, model: MockModel, stream: bool
) -> None:
    world.services.warm_up()
    model.words, model.tokens_per_second = 2000, 20.0
    with LoopbackServer(world.app()) as server:
        async with httpx.AsyncClient(timeout=90) as client:
            request = client.build_request("POST", f"{server.root}{PATH}", json=asks(QUESTION, stream=stream))
            asking = asyncio.create_task(_read(client, request))
            async with asyncio.timeout(60):
                while not any(seen.question == QUESTION for seen in model.stats.requests):
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.3)
                assert model.stats.open == 1
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(1):
            while model.stats.open:
                await asyncio.sleep(0.01)
    assert model.stats.aborted == 1


async def _answered(client: httpx.AsyncClient) -> None:
    """After this the model is known to be ready, as after any server's first question."""
    assert (await client.post(PATH, json=asks(QUESTION))).json()["answer"] == SAID


async def _read(client: httpx.AsyncClient, request: httpx.Request) -> None:
    response = await client.send(request, stream=True)
    async for _ in response.aiter_bytes():
        pass


async def test_an_outage_never_becomes_a_score(world: World, model: MockModel) -> None:
    assert world.release is not None
    model.manner = ModelManner.SERVER_ERROR
    answerer = build_answerer(world.services, world.release, recorded=False)
    with pytest.raises(ModelUnavailableError):
        await answerer.ask(Question(QUESTION, AccessScope.of("public"), "evaluation"))


async def test_a_follow_up_is_searched_for_as_the_model_rewrote_it(world: World, model: MockModel) -> None:
    assert world.release is not None
    rewritten = "Who approves holidays?"
    model.respond = lambda messages: rewritten if "Rewrite" in messages[-1]["content"] else SAID
    answerer = build_answerer(world.services, world.release, recorded=False)
    history = [Turn("user", "How many holidays are there?"), Turn("assistant", "Thirty days. [1]")]
    answer = await answerer.ask(Question("And who approves it?", AccessScope.of("public"), "api", history))
    assert answer.retrieval.query == rewritten
    assert "condense" in answer.timings
