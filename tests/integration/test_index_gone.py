"""A release whose index has vanished: every way to ask says so, and none answers without documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient

from tests.support.app_world import World, asks


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """A server that has answered, and whose index then went away."""
    world = World(tmp_path).ingest()
    async with world.client() as client:
        assert (await client.post("/v1/chat/completions", json=asks("How many days of holiday?"))).status_code == 200
        world.index.drop(world.spec.name)
        yield client


async def test_a_question_gets_an_outage_with_the_remedy(client: AsyncClient) -> None:
    response = await client.post("/v1/chat/completions", json=asks("How many days of holiday has every employee?"))

    assert response.status_code == 503
    assert response.headers["Retry-After"]
    error = response.json()["error"]
    assert error["type"] == "index_unavailable"
    assert "gone" in error["message"]
    assert "ragloop ingest" in error["hint"]


async def test_a_streamed_answer_ends_in_an_error_not_in_an_empty_answer(client: AsyncClient) -> None:
    response = await client.post("/v1/chat/completions", json=asks("How many days of holiday?", stream=True))

    assert response.status_code == 503 or "index_unavailable" in response.text
    assert "could not find" not in response.text


async def test_a_search_gets_an_outage_too(client: AsyncClient) -> None:
    response = await client.post("/v1/search", json={"query": "holiday"})

    assert response.status_code == 503
    assert "passages" not in response.json()


async def test_the_process_says_that_it_is_not_ready(client: AsyncClient) -> None:
    response = await client.get("/readyz")

    assert response.status_code == 503
    assert "index_unavailable" in response.json()["checks"].values()
