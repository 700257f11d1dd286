"""/gaps: what the documents lack, as one reviewer may see it, and requests for content that are closed by a person."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import update

from core.loop.diagnosis import Cause
from core.loop.enums import DecisionKind, FiringState
from core.loop.feedback import FeedbackDecision
from core.storage.loop.feedback import FeedbackRepository
from core.storage.tables import interactions
from core.types import Role
from loop.remedies.registry import open_firings
from tests.support.app_world import World
from tests.support.gaps import declined, request
from tests.support.html_text import Reader
from tests.support.monitored_answers import answers, vote
from tests.support.recorded_answers import an_answer

NOW = datetime.now(UTC)
SALARIES = "handbook/salaries.md"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"environment": "production"}).ingest()


@pytest.fixture
async def reviewer(world: World) -> AsyncIterator[AsyncClient]:
    async with client(world) as reviewer:
        yield reviewer


def client(world: World, *access: str, name: str = "Rita") -> AsyncClient:
    key = world.key(*access, name=name, roles=[Role.REVIEW])
    return world.client(Authorization=f"Bearer {key}", Accept="text/html")


def text_of(response: Response) -> str:
    return " ".join(Reader(response.text).text.split())


async def test_without_questions_the_page_says_so(reviewer: AsyncClient) -> None:
    page = await reviewer.get("/gaps")
    assert page.status_code == 200
    assert "None in 30 days." in text_of(page)


async def test_declined_questions_are_put_together_with_how_many_asked_and_when(
    world: World, reviewer: AsyncClient
) -> None:
    anna, ben = (world.keys.create(name, ("public",), None)[0].id for name in ("Anna", "Ben"))
    declined(world, "where do i park my car?", key=anna)
    declined(world, "where do i park my <b>car</b>?", key=ben, days=2)
    declined(world, "does the canteen serve soup", days=3)
    for days in (4, 5):
        declined(world, "why is the sky blue", days=days)
    page = await reviewer.get("/gaps")
    said = text_of(page)
    assert "Asked 2 times by 2 people" in said
    assert "Asked once, " in said
    assert "Asked 2 times by at least 1 person" in said  # without keys nobody can be told apart
    assert said.index("park my") < said.index("sky") < said.index("soup")
    assert "&lt;b&gt;car" in page.text
    assert "<b>car" not in page.text


async def test_complaints_that_the_documents_lack_something_are_gaps_and_others_are_not(
    world: World, reviewer: AsyncClient
) -> None:
    world.add("docs/a.md", "The lead approves it.\n")
    vote(world, "Anna", Cause.CORPUS_GAP, question="where do i park?")
    vote(world, "Ben", Cause.RANKING_MISS, question="who approves it?")
    dismissed = vote(world, "Cem", Cause.CORPUS_GAP, question="why is the sky blue?")
    assert FeedbackRepository(world.database).decide(
        FeedbackDecision(dismissed.id, DecisionKind.DISMISSED, None, "Rita", "A joke.", NOW)
    )
    found = (await reviewer.get("/gaps.json")).json()
    assert [(gap["question"], gap["complaints"]) for gap in found["gaps"]] == [("where do i park?", 1)]


async def test_a_question_that_was_declined_and_complained_of_is_counted_once(
    world: World, reviewer: AsyncClient
) -> None:
    world.add("docs/a.md", "The lead approves it.\n")
    given = vote(world, "Anna", Cause.CORPUS_GAP, question="where do i park?")

    with world.database.transaction() as connection:
        where = interactions.c.id == given.interaction_id
        connection.execute(update(interactions).where(where).values(abstained=True))
    found = (await reviewer.get("/gaps.json")).json()
    assert [gap["size"] for gap in found["gaps"]] == [1]


async def test_questions_about_documents_that_a_reviewer_may_not_see_are_counted_and_not_shown(world: World) -> None:
    declined(world, "what does the board earn?", uri=SALARIES)
    declined(world, "what does a gone document say?", uri="handbook/gone.md")
    given = vote(world, "Anna", Cause.CORPUS_GAP, question="a question from docs/a.md?")  # which is not there any more
    request(world, f"feedback:{given.id}")
    async with client(world) as public:
        page, found = await public.get("/gaps"), (await public.get("/gaps.json")).json()
        assert "3 more are about documents that your key does not see." in text_of(page)
        for secret in ("board earn", "gone document", "a question from", "The proposal's own words"):
            assert secret not in page.text
            assert secret not in json.dumps(found)
    async with client(world, "board", name="Berta") as board:
        assert "what does the board earn?" in (await board.get("/gaps")).text


async def test_the_range_of_days_is_chosen_and_bounded(world: World, reviewer: AsyncClient) -> None:
    declined(world, "where do i park?", days=40)
    assert "park" not in (await reviewer.get("/gaps")).text
    assert "where do i park?" in (await reviewer.get("/gaps?days=90")).text
    assert (await reviewer.get("/gaps?days=0")).status_code == 400
    assert (await reviewer.get("/gaps?days=99999999999")).status_code == 400


async def test_a_request_stands_with_its_questions_until_a_person_closes_it(
    world: World, reviewer: AsyncClient
) -> None:
    world.add("docs/a.md", "The lead approves it.\n")
    given = vote(world, "Anna", Cause.CORPUS_GAP, question="where do i park?")
    firing = request(world, f"feedback:{given.id}")
    page = await reviewer.get("/gaps")
    assert "Three people asked." in text_of(page)
    assert "where do i park?" in text_of(page)

    refused = await reviewer.post(f"/gaps/{firing.id}/close", data={"reason": " "})
    assert refused.status_code == 400
    assert "A reason of 1 to" in text_of(refused)
    closed = await reviewer.post(f"/gaps/{firing.id}/close", data={"reason": "Written in parking.md."})
    assert (closed.status_code, closed.headers["location"]) == (303, "/gaps?closed=true")
    stored = open_firings(world.database).get(firing.id)
    assert stored is not None
    assert (stored.state, stored.detail) == (FiringState.CLOSED, "Closed by Rita: Written in parking.md.")
    after = await reviewer.get("/gaps?closed=true")
    assert "The request is closed." in text_of(after)
    assert "Three people asked." not in text_of(after)
    again = await reviewer.post(f"/gaps/{firing.id}/close", data={"reason": "Again."})
    assert again.status_code == 409


async def test_a_firing_whose_remedy_is_no_longer_installed_is_no_request(world: World, reviewer: AsyncClient) -> None:
    request(world)
    gone = request(world, remedy="rewrite", state=FiringState.OPEN)
    page = await reviewer.get("/gaps")
    assert page.status_code == 200
    assert text_of(page).count("Three people asked.") == 1
    assert (await reviewer.post(f"/gaps/{gone.id}/close", data={"reason": "Done."})).status_code == 404


async def test_only_requests_for_content_are_closed_here(world: World, reviewer: AsyncClient) -> None:
    firing = request(world, remedy="reindex", state=FiringState.OPEN)
    for key in (firing.id, "not-an-id", str(uuid.uuid4())):
        assert (await reviewer.post(f"/gaps/{key}/close", data={"reason": "Done."})).status_code == 404
    stored = open_firings(world.database).get(firing.id)
    assert stored is not None
    assert stored.state is FiringState.OPEN


async def test_the_json_is_a_download(world: World, reviewer: AsyncClient) -> None:
    declined(world, "where do i park?")
    found = await reviewer.get("/gaps.json?days=7")
    assert found.headers["content-disposition"] == 'attachment; filename="gaps-7-days.json"'
    content = found.json()
    assert (content["schema_version"], content["days"], content["hidden"], content["older"]) == (1, 7, 0, False)
    assert content["gaps"][0]["questions"][0]["origin"] == "declined"


async def test_only_reviewers_see_gaps(world: World) -> None:
    key = world.key(name="Carl", roles=[Role.CHAT])
    async with world.client(Authorization=f"Bearer {key}") as chatter:
        assert (await chatter.get("/gaps")).status_code == 403
        assert (await chatter.get("/gaps.json")).status_code == 403
        assert (await chatter.post(f"/gaps/{uuid.uuid4()}/close", data={"reason": "x"})).status_code == 403


async def test_a_question_that_nothing_was_found_for_is_shown_to_those_who_may_see_all_that_its_asker_may(
    world: World,
) -> None:
    board = world.keys.create("Berta", ("board", "public"), None)[0].id
    nothing = replace(an_answer().retrieval, passages=())
    for question, key in (("what will the merger cost?", board), ("who asked without a key?", None)):
        answers(world, 1, question, retrieval=nothing, abstained=True, key=key)
    async with client(world) as limited, client(world, "board", "public", name="Bo") as member:
        found = (await limited.get("/gaps.json")).json()
        assert (found["gaps"], found["hidden"]) == ([], 2)
        assert "merger" not in (await limited.get("/gaps")).text
        shown = (await member.get("/gaps.json")).json()
        assert [gap["question"] for gap in shown["gaps"]] == ["what will the merger cost?"]
