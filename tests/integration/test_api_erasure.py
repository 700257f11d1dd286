"""Erasing a document over HTTP: what was known of it is counted, and gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.storage.interactions import InteractionRepository
from core.types import Role
from tests.support.app_world import World, asks

URI = "handbook/holidays.md"
ASKED = "How many days of holiday has every employee each year?"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


async def test_an_erased_document_is_neither_listed_nor_answered_from(world: World) -> None:
    async with world.client() as client:
        answer = (await client.post("/v1/chat/completions", json=asks(ASKED))).json()
        assert [each["uri"] for each in answer["citations"]] == [URI]
        erased = await client.delete("/v1/documents", params={"uri": URI})
        assert erased.status_code == 200
        assert (erased.json()["uri"], erased.json()["adapters"]) == (URI, [])
        receipt = erased.json()["receipt"]
        assert (receipt["documents"], receipt["answers"]) == (1, 1)
        listed = (await client.get("/v1/documents")).json()["documents"]
        assert [each["uri"] for each in listed] == ["handbook/salaries.md"]
        assert (await client.post("/v1/chat/completions", json=asks(ASKED))).json()["abstained"]
        again = await client.delete("/v1/documents", params={"uri": URI})
        assert again.status_code == 404
        assert URI in again.json()["error"]["message"]


async def test_with_a_message_goes_what_was_answered_from_its_attachments(world: World) -> None:
    world.add("x/offer.eml", "The offer is attached.")
    world.add("x/offer.eml//prices.csv", "The standing desk costs exactly forty-three euros and ten cents.")
    world.add("x/offer.eml.bak", "A copy of something else.")
    async with world.client() as client:
        question = "How much does the standing desk cost?"
        answer = (await client.post("/v1/chat/completions", json=asks(question))).json()
        assert [each["uri"] for each in answer["citations"]] == ["x/offer.eml//prices.csv"]
        receipt = (await client.delete("/v1/documents", params={"uri": "x/offer.eml"})).json()["receipt"]
        assert (receipt["documents"], receipt["answers"]) == (2, 1)
        assert all("prices.csv" not in str(each.passages) for each in InteractionRepository(world.database).every())
        listed = (await client.get("/v1/documents")).json()["documents"]
        assert [each["uri"] for each in listed if each["uri"].startswith("x/")] == ["x/offer.eml.bak"]
        assert (await client.post("/v1/chat/completions", json=asks(question))).json()["abstained"]


async def test_a_key_that_may_only_ask_erases_nothing(world: World) -> None:
    async with world.client(Authorization=f"Bearer {world.key()}") as client:
        assert (await client.delete("/v1/documents", params={"uri": URI})).status_code == 403
    async with world.client(Authorization=f"Bearer {world.key(roles=[Role.INGEST])}") as client:
        assert (await client.delete("/v1/documents", params={"uri": URI})).status_code == 200


@pytest.mark.parametrize(
    "uri", ["", "x" * 5000, "a\x00b", "'; DROP TABLE documents; --", "../../etc/passwd", "handbook/"]
)
async def test_hostile_uris_erase_nothing(world: World, uri: str) -> None:
    async with world.client() as client:
        refused = await client.delete("/v1/documents", params={"uri": uri})
    assert refused.status_code in (400, 404, 422)
    assert world.documents.count(world.spec.name) == 2
