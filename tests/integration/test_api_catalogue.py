"""Search, documents, models, releases, and the routes for probes and scrapers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from app.server import create_app
from core.errors import IndexUnavailableError
from core.types import TextFormat, document_id
from tests.support.app_world import HOLIDAYS, LOCAL, World, asks


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with world.client() as client:
        yield client


async def test_search_gives_passages_with_their_places_and_scores(client: AsyncClient, world: World) -> None:
    body = (await client.post("/v1/search", json={"query": "carried over to the next year"})).json()
    assert world.release is not None
    assert body["release"] == world.release.id
    best = body["passages"][0]
    assert "five days are carried over" in best["text"]
    assert best["text"] == HOLIDAYS[best["start"] : best["end"]]
    assert {"chunk_id", "uri", "title", "page", "score", "scores"} <= set(best)
    scores = [passage["score"] for passage in body["passages"]]
    assert scores == sorted(scores, reverse=True)


async def test_search_gives_as_many_passages_as_asked_for(client: AsyncClient) -> None:
    for top_k in (1, 3):
        body = (await client.post("/v1/search", json={"query": "holiday", "top_k": top_k})).json()
        assert len(body["passages"]) == top_k


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": " \t"}, "query"),
        ({"query": "a\u0000"}, "query"),
        ({"query": "a", "top_k": 0}, "top_k"),
        ({"query": "a", "top_k": 101}, "top_k"),
        ({"query": "a", "limit": 3}, "limit"),
    ],
)
async def test_a_wrong_search_is_told_which_field_is_wrong(
    client: AsyncClient, body: dict[str, Any], param: str
) -> None:
    response = await client.post("/v1/search", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


async def test_a_query_beyond_the_limit_is_too_large(client: AsyncClient) -> None:
    assert (await client.post("/v1/search", json={"query": "x" * 8001})).status_code == 413


async def test_an_index_that_is_down_is_an_error_and_never_an_empty_result(world: World) -> None:
    def down(*_: Any) -> Any:
        raise IndexUnavailableError("The index is down.")

    world.index.search = down  # type: ignore[method-assign]
    async with world.client() as client:
        for path, body in (("/v1/search", {"query": "holiday"}), ("/v1/chat/completions", asks("holiday?"))):
            response = await client.post(path, json=body)
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert response.json()["error"]["type"] == "index_unavailable"


async def test_documents_are_listed_page_by_page(client: AsyncClient, world: World) -> None:
    for number in range(5):
        world.add(f"more/{number}.md", "text")
    found, after = [], ""
    while after is not None:
        body = (await client.get("/v1/documents", params={"limit": 2, "after": after})).json()
        assert len(body["documents"]) <= 2
        found += [document["uri"] for document in body["documents"]]
        after = body["next"]
    assert found == sorted(found)
    assert len(found) == 7


async def test_a_document_comes_with_the_text_that_spans_count_in(client: AsyncClient) -> None:
    body = (await client.get(f"/v1/documents/{document_id('handbook/holidays.md')}")).json()
    assert body["text"] == HOLIDAYS
    assert body["format"] == TextFormat.MARKDOWN.value


async def test_the_one_model_is_listed_as_openai_lists_models(client: AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["ragloop"]
    assert (await client.get("/v1/models/ragloop")).json() == listed["data"][0]
    assert (await client.get("/v1/models/gpt-4o")).json()["error"]["code"] == "model_not_found"


async def test_releases_say_which_of_them_answers(client: AsyncClient, world: World, tmp_path: Path) -> None:
    body = (await client.get("/v1/releases")).json()
    assert world.release is not None
    assert body["champion"] == world.release.id
    assert [release["id"] for release in body["releases"]] == [world.release.id]
    async with World(tmp_path / "empty").client() as other:
        assert (await other.get("/v1/releases")).json() == {"champion": None, "releases": []}


# ---------------------------------------------------------------- operations


async def test_a_process_is_alive_before_it_is_ready(world: World) -> None:
    app = create_app(world.settings)  # its lifespan is not run: nothing is open yet
    async with AsyncClient(transport=ASGITransport(app), base_url=LOCAL) as client:
        assert (await client.get("/healthz")).status_code == 200
        response = await client.get("/readyz")
    assert response.status_code == 503
    assert set(response.json()["checks"].values()) == {"unavailable_error"}


async def test_ready_means_that_every_part_works(client: AsyncClient) -> None:
    response = await client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["checks"] == dict.fromkeys(("database", "index", "model", "documents", "release"), "ok")


async def test_a_model_server_that_is_down_is_told_and_keeps_nobody_from_asking(tmp_path: Path) -> None:
    world = World(tmp_path, {"model_url": "http://127.0.0.1:9/v1"}).ingest()
    async with world.client() as client:
        assert (await client.get("/readyz")).json()["model_server"] == "ok"
        for _ in range(5):
            world.services.model_endpoint.breaker.failed()
        response = await client.get("/readyz")
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["model_server"]) == ("ready", "degraded")


async def test_not_ready_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    async with World(tmp_path).client() as client:
        response = await client.get("/readyz")
    assert response.status_code == 503
    body = response.json()
    assert body["checks"] == {
        "database": "ok", "index": "ok", "model": "ok", "documents": "unavailable_error", "release": "unknown",
    }  # fmt: skip
    assert "ragloop ingest" in body["hint"]


async def test_metrics_count_requests_by_route_and_answers_by_outcome(client: AsyncClient) -> None:
    await client.post("/v1/chat/completions", json=asks("How many days of holiday has every employee each year?"))
    await client.post("/v1/chat/completions", json=asks("Who won the chess tournament?", stream=True))
    await client.get("/v1/documents/x1")
    await client.get("/v1/documents/x2")
    await client.get("/nothing/at/all")
    await client.request("BREW", "/healthz")
    text = (await client.get("/metrics")).text
    assert 'ragloop_http_requests_total{method="GET",route="/v1/documents/{document_id}",status="404"} 2.0' in text
    assert 'ragloop_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'method="other",route="/healthz",status="405"' in text
    assert 'ragloop_answers_total{abstained="false",degraded="false",origin="api"} 1.0' in text
    assert 'ragloop_answers_total{abstained="true",degraded="false",origin="api"} 1.0' in text
    for histogram in ("answer", "first_token", "retrieval", "http_request"):
        assert f"ragloop_{histogram}_seconds_bucket" in text
    assert "ragloop_retrieval_seconds_count 2.0" in text
    assert "ragloop_passages_count 2.0" in text
    assert "nothing/at/all" not in text
    assert "BREW" not in text


async def test_two_applications_in_one_process_count_apart(world: World) -> None:
    async with world.client() as one, world.client() as other:
        await one.get("/healthz")
        assert 'route="/healthz"' in (await one.get("/metrics")).text
        assert 'route="/healthz"' not in (await other.get("/metrics")).text
