"""POST /v1/chat/completions, as OpenAI's clients see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Response

from core.errors import IndexUnavailableError
from core.ports import GenerationRequest, TextDelta
from core.storage.interactions import InteractionRepository
from tests.support.app_world import Scripted, World, asks

QUESTION = "How many days of holiday has every employee each year?"
PATH = "/v1/chat/completions"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with world.client() as client:
        yield client


def chunks(response: Response) -> list[dict[str, Any]]:
    """The JSON of each event; the last must be [DONE]."""
    events = response.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


async def test_an_answer_is_a_chat_completion_with_its_citations(client: AsyncClient, world: World) -> None:
    response = await client.post(PATH, json=asks(QUESTION))
    assert response.status_code == 200
    body = response.json()
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "ragloop"
    choice = body["choices"][0]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["refusal"] is None
    assert choice["message"]["content"] == body["answer"]
    assert "thirty days of holiday" in body["answer"]
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] > 0
    assert (body["abstained"], body["degraded"]) == (False, False)
    assert world.release is not None
    assert body["release"] == world.release.id
    assert body["timings"]["total"] > 0
    citation = body["citations"][0]
    document = world.documents.get(citation["document_id"])
    assert document is not None
    assert document.text[citation["start"] : citation["end"]] == citation["quote"]
    assert {"marker", "uri", "title", "page", "score"} <= set(citation)


async def test_each_marker_is_annotated_with_the_page_of_its_passage(client: AsyncClient) -> None:
    body = (await client.post(PATH, json=asks(QUESTION))).json()
    message, citation = body["choices"][0]["message"], body["citations"][0]
    annotation = message["annotations"][0]
    assert annotation["type"] == "url_citation"
    place = annotation["url_citation"]
    assert message["content"][place["start_index"] : place["end_index"]] == f"[{citation['marker']}]"
    assert place["title"] == citation["title"]
    page = await client.get(place["url"])
    assert page.status_code == 200
    assert "<mark" in page.text


async def test_a_question_that_the_documents_do_not_answer_is_declined(client: AsyncClient) -> None:
    body = (await client.post(PATH, json=asks("Who won the chess tournament in Berlin?"))).json()
    assert body["abstained"] is True
    assert body["citations"] == body["choices"][0]["message"]["annotations"] == []
    assert body["places_to_look"][0].keys() >= {"uri", "title", "heading_path", "page", "start", "end"}


async def test_a_client_that_shows_only_text_is_told_where_to_look_when_an_answer_is_declined(
    client: AsyncClient,
) -> None:
    asked = {**asks("Who won the chess tournament in Berlin?"), "citations_footer": True}
    body = (await client.post(PATH, json=asked)).json()
    content = body["choices"][0]["message"]["content"]
    assert content.startswith(body["answer"])
    assert "\n\nPlaces to look:\n\n- " in content
    assert body["places_to_look"][0]["uri"] in content
    assert (await client.post(PATH, json=asks(QUESTION))).json()["places_to_look"] == []


async def test_the_answer_is_on_record_when_it_is_given(client: AsyncClient, world: World) -> None:
    body = (await client.post(PATH, json=asks(QUESTION))).json()
    recorded = InteractionRepository(world.database).get(body["interaction_id"])
    assert recorded is not None
    assert (recorded.question, recorded.answer, recorded.origin) == (QUESTION, body["answer"], "api")


async def test_a_stream_begins_with_the_role_and_ends_with_ragloop_s_fields(client: AsyncClient) -> None:
    whole = (await client.post(PATH, json=asks(QUESTION))).json()
    response = await client.post(PATH, json=asks(QUESTION, stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    first, *middle, last = chunks(response)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in middle)
    assert text == last["answer"] == whole["answer"]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in (first, *middle))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["choices"][0]["delta"]["annotations"][0]["type"] == "url_citation"
    assert last["citations"][0]["quote"] == whole["citations"][0]["quote"]
    assert {chunk["id"] for chunk in (first, *middle, last)} == {first["id"]}
    assert all("usage" not in chunk for chunk in (first, *middle, last))


async def test_usage_comes_in_a_chunk_of_its_own_when_it_is_asked_for(client: AsyncClient) -> None:
    request = asks(QUESTION, stream=True, stream_options={"include_usage": True})
    *others, usage = chunks(await client.post(PATH, json=request))
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0
    assert all(chunk["usage"] is None for chunk in others)


async def test_a_failure_before_the_first_text_has_its_own_status(world: World) -> None:
    down = Scripted([], failure=IndexUnavailableError("The index is down.", hint="Start it.", retry_after_seconds=7))
    async with world.client(down) as client:
        for stream in (False, True):
            response = await client.post(PATH, json=asks(QUESTION, stream=stream))
            assert response.status_code == 503
            assert response.headers["retry-after"] == "7"
            assert response.json()["error"] == {
                "type": "index_unavailable", "message": "The index is down.", "hint": "Start it.", "param": None, "code": None,
            }  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (IndexUnavailableError("The index is down."), "index_unavailable"),
        (ZeroDivisionError("secret"), "internal_error"),
    ],
)
async def test_a_failure_after_the_first_text_ends_the_stream_with_an_error(
    world: World, failure: Exception, kind: str
) -> None:
    async with world.client(Scripted(["Thirty "], failure=failure)) as client:
        response = await client.post(PATH, json=asks(QUESTION, stream=True))
    assert response.status_code == 200
    events = [event for event in response.text.split("\n\n") if event]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["type"] == kind
    assert "[DONE]" not in response.text
    assert "secret" not in response.text


async def test_a_client_that_leaves_stops_the_generator(world: World) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    class Endless:
        name = "endless"

        async def stream(self, _request: GenerationRequest) -> AsyncIterator[TextDelta]:
            started.set()
            try:
                await asyncio.sleep(60)
                yield TextDelta("late")
            finally:
                cancelled.set()

    app = world.app(Endless())
    body = json.dumps(asks(QUESTION)).encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
        "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "scheme": "http", "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8080"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await started.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 10)
    assert cancelled.is_set()
    assert sent == []


async def test_the_conversation_reaches_the_generator(world: World) -> None:
    generator = Scripted(["Thirty [1]."])
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "How many days of holiday?"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "Thirty."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}, {"type": "text", "text": "Please."}]},
    ]
    async with world.client(generator) as client:
        response = await client.post(PATH, json={"messages": messages, "max_tokens": 5, "max_completion_tokens": 9})
    assert response.status_code == 200
    request = generator.requests[0]
    assert request.question == f"{QUESTION}\nPlease."
    assert [(turn.role, turn.content) for turn in request.history] == [
        ("system", "Be brief."), ("user", "How many days of holiday?"), ("assistant", "Thirty."),
    ]  # fmt: skip
    assert request.max_tokens == 9


async def test_what_openai_clients_send_along_is_accepted(client: AsyncClient) -> None:
    more = {
        "temperature": 0.2, "top_p": 1, "stop": ["x"], "user": "u", "seed": 1, "n": 1, "presence_penalty": 0, "tools": [],
        "response_format": {"type": "text"}, "logprobs": False, "store": False, "metadata": {}, "tool_choice": "auto",
        "stream": None, "functions": None,
    }  # fmt: skip
    assert (await client.post(PATH, json=asks(QUESTION, **more))).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", [{"type": "function", "function": {"name": "f"}}]),
        ("tool_choice", "required"),
        ("functions", [{"name": "f"}]),
        ("response_format", {"type": "json_object"}),
        ("n", 2),
        ("logprobs", True),
        ("audio", {"voice": "alloy"}),
        ("modalities", ["text", "audio"]),
    ],
)
async def test_what_would_change_the_answer_s_meaning_is_refused_by_name(
    client: AsyncClient, name: str, value: object
) -> None:
    response = await client.post(PATH, json=asks(QUESTION, **{name: value}))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == name


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].type",
        ),
        ({"messages": [{"role": "user", "content": "a\u0000b"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}, "max_tokens"),
        ({"messages": [{"role": "user", "content": "x"}], "stream": "maybe"}, "stream"),
    ],
)
async def test_an_invalid_request_is_told_which_field_is_wrong(
    client: AsyncClient, body: dict[str, Any], param: str
) -> None:
    response = await client.post(PATH, json=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["message"]


async def test_half_a_character_is_refused_before_it_reaches_the_database(client: AsyncClient) -> None:
    raw = b'{"messages": [{"role": "user", "content": "a \\ud800 b"}]}'
    response = await client.post(PATH, content=raw, headers={"Content-Type": "application/json"})
    assert response.status_code == 400


async def test_an_unknown_model_is_not_found(client: AsyncClient) -> None:
    response = await client.post(PATH, json={**asks(QUESTION), "model": "gpt-4o"})
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "ragloop" in error["hint"]


async def test_a_question_beyond_the_limit_is_too_large(tmp_path: Path) -> None:
    world = World(tmp_path, {"max_question_chars": 100}).ingest()
    async with world.client() as client:
        response = await client.post(PATH, json=asks("x" * 101))
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "too_large"
    assert "RAGLOOP_MAX_QUESTION_CHARS" in response.json()["error"]["hint"]


async def test_before_the_first_ingestion_the_answer_is_what_to_do(tmp_path: Path) -> None:
    async with World(tmp_path).client() as client:
        response = await client.post(PATH, json=asks(QUESTION))
    assert response.status_code == 503
    assert "ragloop ingest" in response.json()["error"]["hint"]
