"""/reviews/cases, as a browser without scripts sees it: drafts are edited, accepted into one version, discarded, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from httpx import AsyncClient, Response

from core.types import Role
from evals.cases.cases import Case
from evals.cases.dataset_store import DatasetStore
from evals.cases.drafts import CaseDrafts
from tests.support.app_world import HOLIDAYS, World
from tests.support.html_text import Reader

QUOTE = "Holidays are approved by the team lead."
SECRET = "The board's salaries are decided by the shareholders each spring."


def drafted(name: str, question: str, uri: str = "handbook/holidays.md", quote: str = QUOTE) -> Case:
    evidence = [{"uri": uri, "quote": quote}]
    return Case.model_validate(
        {
            "id": name,
            "question": question,
            "answer": quote,
            "evidence": evidence,
            "tags": ["definition"],
            "origin": "drafted",
        }
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, {"environment": "production"}).ingest()
    cases = [
        drafted("drafted-1", "Who approves holidays?"),
        drafted("drafted-2", "What is <b>approved</b> by the team lead?"),
        Case(id="drafted-3", question="Who approves sabbaticals?", unanswerable=True, origin="drafted"),
    ]
    world.key(name="a program")  # what a question that no document answers came from, nobody knows: its drafter asked
    CaseDrafts(world.database).add("holidays", cases, actor="a program")
    return world


@pytest.fixture
async def reviewer(world: World) -> AsyncIterator[AsyncClient]:
    async with client(world) as reviewer:
        yield reviewer


def client(world: World, *access: str) -> AsyncClient:
    key = world.key(*access, name="Rita", roles=[Role.REVIEW])
    return world.client(Authorization=f"Bearer {key}", Accept="text/html")


def waiting(world: World, dataset: str = "holidays") -> dict[str, str]:
    """Ids of the drafts that wait, by the id of their case."""
    return {draft.case.id: draft.id for draft in CaseDrafts(world.database).waiting(dataset)}


def form(world: World, choices: Mapping[str, str], dataset: str = "holidays", **edits: str) -> dict[str, object]:
    """What the browser sends for these decisions, all else as the page had it."""
    ids = {draft.case.id: draft for draft in CaseDrafts(world.database).waiting(dataset)}
    fields: dict[str, object] = {"dataset": dataset, "draft": [ids[name].id for name in choices]}
    for name, choice in choices.items():
        draft = ids[name]
        fields[f"choice-{draft.id}"] = choice
        fields[f"question-{draft.id}"] = edits.get("question", draft.case.question)
        fields[f"answer-{draft.id}"] = edits.get("answer", draft.case.answer)
        fields[f"tags-{draft.id}"] = edits.get("tags", ", ".join(draft.case.tags))
    return fields


def text_of(response: Response) -> str:
    return " ".join(Reader(response.text).text.split())


async def test_each_draft_stands_with_its_quote_in_its_surroundings_and_a_link(reviewer: AsyncClient) -> None:
    page = await reviewer.get("/reviews/cases")
    assert page.status_code == 200
    assert "Who approves holidays?" in page.text
    assert f"<mark>{QUOTE}</mark>" in page.text
    assert "Every employee has thirty days" in text_of(page)
    start = HOLIDAYS.index(QUOTE)
    assert f"start={start}&amp;end={start + len(QUOTE)}" in page.text
    assert "&lt;b&gt;approved" in page.text
    assert "The documents should not answer this one" in text_of(page)


async def test_what_is_accepted_makes_one_version_and_what_is_discarded_is_gone(
    world: World, reviewer: AsyncClient
) -> None:
    choices = {"drafted-1": "accept", "drafted-2": "discard", "drafted-3": "accept"}
    answered = await reviewer.post("/reviews/cases", data=form(world, choices))
    assert answered.status_code == 303
    dataset = DatasetStore(world.database).get("holidays")
    assert dataset.version == 1
    assert [case.id for case in dataset.cases] == ["drafted-1", "drafted-3"]
    assert DatasetStore(world.database).all()[0].created_by == "Rita"
    page = text_of(await reviewer.get(answered.headers["location"]))
    assert "2 accepted into holidays , which is now version 1." in page.replace("holidays,", "holidays ,")
    assert "1 discarded." in page
    assert waiting(world) == {}


async def test_an_edited_draft_is_accepted_as_it_was_edited(world: World, reviewer: AsyncClient) -> None:
    edits = {"question": " Who signs?\r\nAnd when? ", "answer": "The team lead.", "tags": "people, rules, people,"}
    await reviewer.post("/reviews/cases", data=form(world, {"drafted-1": "accept"}, **edits))
    (case,) = DatasetStore(world.database).get("holidays").cases
    assert (case.question, case.answer, case.tags) == ("Who signs?\nAnd when?", "The team lead.", ("people", "rules"))
    assert case.evidence[0].quote == QUOTE
    assert case.origin == "drafted"
    assert set(waiting(world)) == {"drafted-2", "drafted-3"}


async def test_what_is_left_for_later_stays(world: World, reviewer: AsyncClient) -> None:
    await reviewer.post("/reviews/cases", data=form(world, {"drafted-1": "later", "drafted-2": "nonsense"}))
    assert len(waiting(world)) == 3
    assert DatasetStore(world.database).all() == []


@pytest.mark.parametrize(
    "edits", [{"question": "  "}, {"question": "x" * 8001}, {"tags": "t" * 201}, {"answer": "a\x07"}]
)
async def test_a_draft_edited_into_no_case_decides_nothing_and_keeps_what_was_typed(
    world: World, reviewer: AsyncClient, edits: Mapping[str, str]
) -> None:
    fields = form(world, {"drafted-1": "accept", "drafted-2": "discard"})
    bad = waiting(world)["drafted-1"]
    fields |= {f"{name}-{bad}": value for name, value in edits.items()}
    fields[f"tags-{waiting(world)['drafted-2']}"] = "typed before"
    page = await reviewer.post("/reviews/cases", data=fields)
    assert page.status_code == 400
    assert "Nothing was decided yet" in text_of(page)
    assert f'id="problem-{bad}"' in page.text
    assert "typed before" in page.text
    assert len(waiting(world)) == 3


async def test_the_second_of_two_reviewers_is_told_and_changes_nothing(world: World, reviewer: AsyncClient) -> None:
    fields = form(world, {"drafted-1": "accept", "drafted-2": "accept"})
    await reviewer.post("/reviews/cases", data=form(world, {"drafted-1": "accept"}))
    second = await reviewer.post("/reviews/cases", data=fields)
    page = text_of(await reviewer.get(second.headers["location"]))
    assert "Someone else had decided this one before you" in page
    assert "Who approves holidays?" in page
    dataset = DatasetStore(world.database).get("holidays")
    assert (dataset.version, [case.id for case in dataset.cases]) == (2, ["drafted-1", "drafted-2"])


async def test_accepted_drafts_come_on_top_of_the_dataset_there_is(world: World, reviewer: AsyncClient) -> None:
    CaseDrafts(world.database).add("handbook", [drafted("drafted-4", "Who approves holidays?")], actor="a program")
    await reviewer.post("/reviews/cases", data=form(world, {"drafted-4": "accept"}, "handbook"))
    dataset = DatasetStore(world.database).get("handbook")
    assert dataset.version == 2
    assert len(dataset.cases) > 30, "the shipped cases and the accepted one"


async def test_drafts_about_documents_that_the_key_does_not_see_are_neither_shown_nor_decided(world: World) -> None:
    secret = drafted("drafted-9", "Who decides the salaries?", "handbook/salaries.md", SECRET)
    CaseDrafts(world.database).add("holidays", [secret], actor="a program")
    fields = form(world, {"drafted-9": "accept"})
    async with client(world, "public") as reviewer:
        page = await reviewer.get("/reviews/cases")
        assert "salaries" not in page.text
        assert "1 more is about documents that your key does not see" in text_of(page)
        after = await reviewer.post("/reviews/cases", data=fields)
        assert "salaries" not in (await reviewer.get(after.headers["location"])).text
    assert "drafted-9" in waiting(world)
    async with client(world, "public", "board") as member:
        assert "Who decides the salaries?" in (await member.get("/reviews/cases")).text


@pytest.fixture
def gone(tmp_path: Path) -> World:
    """An installation without keys, so that whoever comes sees everything, and a draft about a document that is gone."""
    world = World(tmp_path / "open")
    gone = drafted("drafted-8", "Who approves journeys?", "handbook/gone.md", "The director approves journeys.")
    CaseDrafts(world.database).add("gone", [gone], actor="a program")
    return world


async def test_a_draft_whose_document_is_gone_shows_nothing_of_it_and_can_be_discarded(gone: World) -> None:
    async with gone.client(Accept="text/html") as reviewer:
        page = await reviewer.get("/reviews/cases?dataset=gone")
        assert "journeys" not in page.text
        assert "is gone" in text_of(page)
        await reviewer.post("/reviews/cases", data=form(gone, {"drafted-8": "discard"}, "gone"))
    assert waiting(gone, "gone") == {}


async def test_a_draft_whose_document_is_gone_is_never_accepted(gone: World) -> None:
    fields = form(gone, {"drafted-8": "accept"}, "gone")
    async with gone.client(Accept="text/html") as reviewer:
        refused = await reviewer.post("/reviews/cases", data=fields)
    assert refused.status_code == 400
    assert "what it was about is no longer there" in text_of(refused)
    assert set(waiting(gone, "gone")) == {"drafted-8"}
    assert DatasetStore(gone.database).all() == []


async def test_a_draft_with_no_document_left_is_for_those_who_see_everything(world: World) -> None:
    """Whose labels it had, nobody knows any more; one document that is left says whose the draft is."""
    lost = drafted("drafted-8", "Who approves journeys?", "handbook/gone.md", "The director approves journeys.")
    left = [*lost.evidence, *drafted("drafted-9", "?").evidence]
    CaseDrafts(world.database).add("gone", [lost], actor="a program")
    CaseDrafts(world.database).add("half", [lost.model_copy(update={"evidence": tuple(left)})], actor="a program")
    async with client(world, "public", "board") as limited:
        assert "1 more is about documents" in text_of(await limited.get("/reviews/cases?dataset=gone"))
        for dataset in ("gone", "half"):
            fields = form(world, {"drafted-8": "discard"}, dataset)
            assert (await limited.post("/reviews/cases", data=fields)).status_code == 303
    assert set(waiting(world, "gone")) == {"drafted-8"}
    assert waiting(world, "half") == {}


async def test_a_quote_that_the_document_no_longer_holds_is_said(world: World, reviewer: AsyncClient) -> None:
    world.add("handbook/holidays.md", "# Holidays\n\nAll is new.\n", title="Holidays")
    assert "it no longer holds the quote" in text_of(await reviewer.get("/reviews/cases"))


@pytest.mark.parametrize("dataset", ["../etc", "", "a b", "x" * 500])
async def test_a_name_that_is_none_is_refused(reviewer: AsyncClient, dataset: str) -> None:
    answered = await reviewer.post("/reviews/cases", data={"dataset": dataset, "draft": []})
    assert answered.status_code == 400


async def test_a_form_of_nonsense_changes_nothing(world: World, reviewer: AsyncClient) -> None:
    fields = {"dataset": "holidays", "draft": ["x", "../", "0" * 36, waiting(world)["drafted-1"]]}
    assert (await reviewer.post("/reviews/cases", data=fields)).status_code == 303
    assert (
        await reviewer.post("/reviews/cases", content=b"\xff\x00", headers={"Content-Type": "multipart/form-data"})
    ).status_code == 400
    assert (await reviewer.get("/reviews/cases?missed=x,%00,1&accepted=1")).status_code == 200
    assert len(waiting(world)) == 3


async def test_nothing_waiting_says_how_to_draft(tmp_path: Path) -> None:
    world = World(tmp_path, {"environment": "production"}).ingest()
    async with client(world) as reviewer:
        assert "ragloop eval generate" in text_of(await reviewer.get("/reviews/cases"))
