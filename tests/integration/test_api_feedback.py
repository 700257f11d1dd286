"""POST /v1/feedback: a vote is stored once, by who asked, and its answer says so only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient, Response

from core.loop.enums import Vote
from core.loop.feedback import Feedback
from core.storage.loop.feedback import FeedbackRepository
from core.types import Role
from loop.feedback.votes import (
    MOST_PER_DAY,
    Author,
    FeedbackOrder,
    FeedbackService,
)
from tests.support.app_world import World, asks
from tests.support.recorded_answers import recorded_answer

QUESTION = "How many days of holiday has every employee?"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"environment": "production"}).ingest()


@pytest.fixture
async def ann(world: World) -> AsyncIterator[AsyncClient]:
    async with world.client(Authorization=f"Bearer {world.key(name='Ann')}") as client:
        yield client


async def asked(client: AsyncClient) -> str:
    answer = await client.post("/v1/chat/completions", json=asks(QUESTION))
    assert answer.json()["citations"]
    return answer.json()["interaction_id"]


async def vote(client: AsyncClient, answer: str, key: str | None = None, **more: object) -> Response:
    body = {"interaction_id": answer, "vote": "down", **more}
    return await client.post("/v1/feedback", json=body, headers={"Idempotency-Key": key} if key else {})


def stored(world: World) -> list[Feedback]:
    return FeedbackRepository(world.database).since()


async def test_a_vote_is_stored_and_sent_again_it_is_not_stored_again(world: World, ann: AsyncClient) -> None:
    answer = await asked(ann)
    said = {
        "reason": "wrong",
        "comment": "It is not thirty.",
        "correction": "Twenty-five days.",
        "citations": [{"marker": 1, "vote": "down"}],
    }
    first = await vote(ann, answer, "k-1", **said)
    assert first.status_code == 201
    assert {name: first.json()[name] for name in said} == said
    assert (first.json()["standing"], first.json()["replayed"]) == ("counted", False)
    again = await vote(ann, answer, "k-1", **said)
    assert again.status_code == 200
    assert again.json() == first.json() | {"replayed": True}
    other = await vote(ann, answer, "k-1")
    assert other.status_code == 409
    (kept,) = stored(world)
    assert (kept.id, kept.author, kept.origin, kept.access) == (first.json()["id"], "Ann", "api", ("public",))
    assert kept.question == QUESTION


async def test_without_a_key_the_same_vote_twice_is_one(world: World, ann: AsyncClient) -> None:
    answer = await asked(ann)
    assert [(await vote(ann, answer)).status_code for _ in range(2)] == [201, 200]
    assert (await vote(ann, answer, vote="up")).status_code == 201
    assert len(stored(world)) == 2


async def test_an_answer_that_someone_else_asked_for_is_not_there(world: World, ann: AsyncClient) -> None:
    answer = await asked(ann)
    async with world.client(Authorization=f"Bearer {world.key(name='Ben', roles=[Role.ADMIN])}") as ben:
        refused = await vote(ben, answer)
        missing = await vote(ben, "00000000-0000-4000-8000-000000000000")
    assert refused.status_code == missing.status_code == 404
    assert refused.json() == missing.json()
    assert stored(world) == []


@pytest.mark.parametrize(
    ("said", "status", "named"),
    [
        ({"vote": "sideways"}, 400, "vote"),
        ({"reason": "ugly"}, 400, "reason"),
        ({"comment": "x" * 2001}, 413, "comment"),
        ({"correction": "x" * 4001}, 413, "correction"),
        ({"comment": "\x00"}, 400, "comment"),
        ({"comment": "a\x1b[31m"}, 400, "comment"),
        ({"comment": 7}, 400, "comment"),
        ({"citations": [{"marker": 99, "vote": "up"}]}, 400, "[99]"),
        ({"citations": [{"marker": 1, "vote": "up"}] * 51}, 400, "citations"),
        ({"citations": [{"marker": 2**70, "vote": "up"}]}, 400, "marker"),
        ({"vote": "up", "reason": "wrong"}, 400, "reason"),
        ({"author": "Ben"}, 400, "author"),
        ({"interaction_id": "x" * 4000}, 400, "interaction_id"),
        ({"interaction_id": "' OR 1=1 --"}, 404, "answer"),
    ],
)
async def test_a_vote_that_cannot_be_is_refused_in_words_and_not_stored(
    world: World, ann: AsyncClient, said: dict[str, object], status: int, named: str
) -> None:
    refused = await vote(ann, await asked(ann), **said)
    assert refused.status_code == status
    assert named in refused.json()["error"]["message"]
    assert stored(world) == []


@pytest.mark.parametrize("key", ["k" * 201, "a b", "\xe9"])
async def test_a_key_that_is_none_is_refused(ann: AsyncClient, key: str) -> None:
    body = {"interaction_id": await asked(ann), "vote": "down"}
    refused = await ann.post("/v1/feedback", json=body, headers={"Idempotency-Key": key.encode("latin-1")})
    assert refused.status_code == 400
    assert "idempotency key" in refused.json()["error"]["message"]


async def test_past_the_days_votes_the_server_says_when_there_is_room_again(world: World, ann: AsyncClient) -> None:
    answer = await asked(ann)
    votes = FeedbackService(world.database)
    for number in range(MOST_PER_DAY):
        votes.give(
            Author("Ann", None, None, "cli"), FeedbackOrder(answer, Vote.DOWN, comment=str(number), synthetic=True)
        )
    refused = await vote(ann, answer)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "too_many_votes")
    assert 0 < int(refused.headers["Retry-After"]) <= 86_401
    assert refused.json()["error"]["hint"]


async def test_a_program_that_tries_the_system_out_says_so_and_its_votes_do_not_count(
    world: World, ann: AsyncClient
) -> None:
    assert (await vote(ann, await asked(ann), synthetic=True)).json()["standing"] == "synthetic"
    assert FeedbackService(world.database).counted() == []


async def test_on_a_server_without_keys_the_person_at_the_machine_votes(tmp_path: Path) -> None:
    world = World(tmp_path).ingest()
    async with world.client() as client:
        assert (await vote(client, recorded_answer(world.database, origin="cli"))).status_code == 201
        foreign = {"Origin": "https://evil.example"}
        body = {"interaction_id": recorded_answer(world.database), "vote": "down"}
        assert (await client.post("/v1/feedback", json=body, headers=foreign)).status_code == 403
    assert len(stored(world)) == 1


async def test_a_database_that_cannot_be_written_is_an_error_and_no_thanks(world: World, ann: AsyncClient) -> None:
    answer = await asked(ann)
    with world.database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE feedback RENAME TO away")
    refused = await vote(ann, answer, "k")
    assert refused.status_code == 503
    with world.database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO feedback")
    assert (await vote(ann, answer, "k")).status_code == 201


async def voted_by_form(client: AsyncClient, answer: str, **fields: str) -> Response:
    return await client.post(f"/answers/{answer}/vote", data=fields, headers={"Accept": "text/html"})


async def test_a_plain_form_stores_what_it_says_and_leads_back_to_the_conversation(
    world: World, ann: AsyncClient
) -> None:
    answer = await asked(ann)
    fields = {"vote": "down", "reason": "incomplete", "correction": "Thirty.\r\nAnd five.", "citation-1": "up"}
    answered = await voted_by_form(ann, answer, **fields, shown=answer)
    assert (answered.status_code, answered.headers["location"]) == (303, f"/?turn={answer}#vote-{answer}")
    assert (stored(world)[0].correction, stored(world)[0].citations[0].marker) == ("Thirty.\nAnd five.", 1)
    await voted_by_form(ann, answer, **fields)
    assert len(stored(world)) == 1
    await voted_by_form(ann, answer, **fields | {"vote": "up"})
    assert (stored(world)[0].vote, stored(world)[0].reason, stored(world)[0].correction) == (Vote.UP, None, "")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"vote": "sideways"},
        {"vote": "down", "reason": "ugly"},
        {"vote": "down", "citation-9": "up"},
        {"vote": "down", "citation-1": "<b>"},
        {"vote": "down", "comment": "\x00"},
    ],
)
async def test_a_form_that_says_no_vote_is_refused_on_a_page(
    world: World, ann: AsyncClient, fields: dict[str, str]
) -> None:
    refused = await voted_by_form(ann, await asked(ann), **fields)
    assert refused.status_code == 400
    assert "<main" in refused.text
    assert "<b>" not in refused.text
    assert stored(world) == []


async def test_a_form_takes_no_vote_on_what_someone_else_asked(world: World, ann: AsyncClient) -> None:
    answer = await asked(ann)
    async with world.client(Authorization=f"Bearer {world.key(name='Ben')}") as ben:
        assert (await voted_by_form(ben, answer, vote="down")).status_code == 404
    assert stored(world) == []


async def test_the_page_shows_a_reader_their_own_last_vote_and_no_one_elses(tmp_path: Path) -> None:
    world = World(tmp_path, {"environment": "production"}).ingest()
    first, second = (world.key(name=name) for name in ("Ann", "Ben"))
    async with world.client(Authorization=f"Bearer {first}") as ann:
        answer = await asked(ann)
        await vote(ann, answer, reason="wrong", correction="Said by <Ann>")
        page = (await ann.get(f"/answers/{answer}")).text
    assert 'data-voted="down"' in page
    assert "Said by &lt;Ann&gt;" in page
    async with world.client(Authorization=f"Bearer {second}") as ben:
        assert (await ben.get(f"/answers/{answer}")).status_code == 404
