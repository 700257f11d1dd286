"""The review pages, as a browser without scripts sees them, and GET /v1/evaluations."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest
from httpx import AsyncClient, Response

from core.loop.enums import FiringState
from core.release import ReleaseStatus
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.releases import ReleaseRepository
from core.types import Role
from loop.remedies.catalogue.refit import RefitFigures, RefitProposal
from loop.remedies.figures import FitFigures, FoundSetting, GainComparison, MapFigures
from loop.remedies.registry import open_firings
from serving.releases.service import ReleaseService
from tests.support.app_world import World
from tests.support.html_text import Reader
from tests.support.loop_rows import a_firing
from tests.support.reports import (
    MAKER,
    Evaluated,
    Plan,
    add_handbook,
    evaluate,
)

# One reads and rejects, the other approves too; the third made the candidate; the fourth only asks.
PEOPLE = {
    "Rita": (Role.REVIEW,),
    "Ann": (Role.REVIEW, Role.APPROVE),
    MAKER.name: (Role.REVIEW, Role.APPROVE),
    "Charlie": (Role.CHAT,),
}


IN_PRODUCTION = {"environment": "production"}


@pytest.fixture(scope="module")
def with_handbook(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once: each test begins with a copy."""
    world = World(tmp_path_factory.mktemp("with_handbook"), IN_PRODUCTION).ingest()
    add_handbook(world)
    return world


@pytest.fixture(scope="module")
def with_evaluation(tmp_path_factory: pytest.TempPathFactory, with_handbook: World) -> tuple[World, Evaluated]:
    world = World(tmp_path_factory.mktemp("with_evaluation"), IN_PRODUCTION, with_handbook)
    return world, evaluate(world)


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """The handbook's pages, and an evaluation where the test asks for one."""
    if "evaluated" in request.fixturenames:
        return World(tmp_path, IN_PRODUCTION, request.getfixturevalue("with_evaluation")[0])
    return World(tmp_path, IN_PRODUCTION, request.getfixturevalue("with_handbook"))


@pytest.fixture
def evaluated(with_evaluation: tuple[World, Evaluated]) -> Evaluated:
    return with_evaluation[1]


class People:
    """A client for each of PEOPLE."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clients: dict[str, AsyncClient] = {}

    def __getitem__(self, name: str) -> AsyncClient:
        if name not in self._clients:
            key = self._world.key(name=name, roles=PEOPLE[name])
            self._clients[name] = self._world.client(Authorization=f"Bearer {key}", Accept="text/html")
        return self._clients[name]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@pytest.fixture
async def people(world: World) -> AsyncIterator[People]:
    people = People(world)
    yield people
    await people.close()


async def later(world: World, plan: Plan | None = None) -> Evaluated:
    """Another evaluation, made beside the test's event loop."""
    return await asyncio.to_thread(evaluate, world, plan)


def text_of(response: Response) -> str:
    return " ".join(Reader(response.text).text.split())


def release_status(world: World, evaluated: Evaluated) -> ReleaseStatus:
    release = ReleaseRepository(world.database).get(evaluated.candidate.id)
    assert release is not None
    return release.status


def forms(response: Response) -> set[str]:
    """Where the page's decisions would be sent."""
    tags = Reader(response.text).tags
    found = {attributes.get("formaction") or attributes.get("action") or "" for _, attributes in tags}
    return {address.rpartition("/")[2] for address in found if address.startswith("/reviews/")}


# ---------------------------------------------------------------- the list


async def test_before_anything_was_evaluated_the_list_says_what_to_run(people: People) -> None:
    response = await people["Rita"].get("/reviews")
    assert response.status_code == 200
    assert "ragloop eval run" in text_of(response)


async def test_the_list_names_what_is_live_what_was_found_and_what_waits(
    people: People, world: World, evaluated: Evaluated
) -> None:
    spare = await asyncio.to_thread(
        lambda: ReleaseService(world.services).create(
            MAKER, changes={"retrieval.top_k": "3"}, name="fewer passages", reason="answers wander"
        )
    )
    response = await people["Rita"].get("/reviews")
    text = text_of(response)
    for expected in (
        f"Release {evaluated.baseline.id[:8]} answers", "Better", "may be approved", evaluated.candidate.id[:8],
        "handbook 1", "by Mara (ML)", "waits for a decision", f"ragloop eval run {spare.id[:12]}",
        f"fewer passages {spare.id[:8]}", "“answers wander”", "retrieval.top_k 4 → 3",
    ):  # fmt: skip
        assert expected in text, expected
    assert f'href="/reviews/{evaluated.id}"' in response.text


async def test_each_evaluation_in_the_list_says_what_its_release_changes_against_the_champion(
    people: People, evaluated: Evaluated
) -> None:
    (listed,) = (await people["Rita"].get("/v1/evaluations")).json()["evaluations"]
    changed = [change["path"] for change in listed["changes"]]
    assert changed
    text = text_of(await people["Rita"].get("/reviews"))
    assert all(path in text for path in changed[:3])


async def test_an_evaluation_that_failed_is_listed_with_its_error(
    people: People, world: World, evaluated: Evaluated
) -> None:
    EvaluationRepository(world.database).fail(evaluated.id, "The index is down.")
    assert "The index is down." in text_of(await people["Rita"].get("/reviews"))
    response = await people["Rita"].get(f"/reviews/{evaluated.id}")
    assert response.status_code == 409
    assert "The index is down." in text_of(response)


async def test_the_bar_leads_to_reviews_for_those_who_may_read_them(people: People, evaluated: Evaluated) -> None:
    assert 'href="/reviews"' in (await people["Rita"].get("/reviews")).text
    assert 'href="/reviews"' not in (await people["Charlie"].get("/")).text
    assert (await people["Charlie"].get(f"/reviews/{evaluated.id}")).status_code == 403


# ---------------------------------------------------------------- a report


async def test_the_report_s_page_is_the_same_report_as_the_file(people: People, evaluated: Evaluated) -> None:
    page = text_of(await people["Rita"].get(f"/reviews/{evaluated.id}"))
    download = await people["Rita"].get(f"/reviews/{evaluated.id}/report.html")
    assert "attachment" in download.headers["content-disposition"]
    for expected in ("The candidate is better", "retrieval.dense_weight", "nDCG@10", "6 of 6 right", "qwen3-32b"):
        assert expected in page
        assert expected in text_of(download)


async def test_the_json_is_the_stored_report(people: People, evaluated: Evaluated) -> None:
    stored = evaluated.report.model_dump(mode="json")
    assert (await people["Rita"].get(f"/reviews/{evaluated.id}/report.json")).json() == stored
    listed = (await people["Rita"].get("/v1/evaluations")).json()["evaluations"]
    assert [(each["id"], each["verdict"], each["passes"]) for each in listed] == [(evaluated.id, "better", True)]
    assert (await people["Rita"].get(f"/v1/evaluations/{evaluated.id[:12]}")).json()["report"] == stored
    assert (await people["Rita"].get("/v1/evaluations/none")).status_code == 404


async def test_every_link_of_the_report_s_page_leads_somewhere(people: People, evaluated: Evaluated) -> None:
    page = (await people["Rita"].get(f"/reviews/{evaluated.id}")).text
    tags = Reader(page).tags
    ids = {attributes["id"] for _, attributes in tags if attributes.get("id")}
    links = {unescape(attributes["href"] or "") for tag, attributes in tags if tag == "a"}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    for link in sorted(link for link in links if link.startswith("/reviews")):
        assert (await people["Rita"].get(link)).status_code == 200, link


@pytest.mark.parametrize("outcome", ["win", "loss", "tie"])
async def test_a_number_of_a_metric_leads_to_exactly_its_rows(
    people: People, evaluated: Evaluated, outcome: str
) -> None:
    for metric in evaluated.report.metrics:
        path = f"/reviews/{evaluated.id}?metric={metric.name}&outcome={outcome}"
        rows = re.findall(r'id="row-\d+"', (await people["Rita"].get(path)).text)
        count = {"win": metric.wins, "loss": metric.losses, "tie": metric.ties}[outcome]
        assert len(rows) == min(count, 50), metric.name


async def test_rows_are_filtered_and_sorted_by_the_address(people: People, evaluated: Evaluated) -> None:
    async def ordinals(query: str) -> list[int]:
        page = (await people["Rita"].get(f"/reviews/{evaluated.id}?{query}")).text
        return [int(found) for found in re.findall(r'id="row-(\d+)"', page)]

    rows = evaluated.report.rows
    assert await ordinals("outcome=loss") == [row.ordinal for row in rows if row.outcome == "loss"]
    assert await ordinals("tag=access&sort=case") == [row.ordinal for row in rows if "access" in row.tags]
    assert await ordinals("origin=feedback&sort=case") == [row.ordinal for row in rows if row.origin == "feedback"]
    assert await ordinals("text=API+key&sort=case") == [row.ordinal for row in rows if "API key" in row.question]
    assert (await ordinals("sort=best"))[-1] == (await ordinals("sort=worst"))[0]


async def test_nonsense_in_the_address_is_explained(people: People, evaluated: Evaluated) -> None:
    assert (await people["Rita"].get(f"/reviews/{evaluated.id}?sort=sideways")).status_code == 400
    assert (await people["Rita"].get(f"/reviews/{evaluated.id}?page=999")).status_code == 200
    assert "No question is like that" in text_of(await people["Rita"].get(f"/reviews/{evaluated.id}?text=%3Cb%3E"))
    for missing in ("/reviews/none", "/reviews/%25", f"/reviews/{evaluated.id}/cases/999"):
        assert (await people["Rita"].get(missing)).status_code == 404, missing


async def test_a_case_shows_both_answers_and_leads_to_the_next_loss(
    people: People, world: World, evaluated: Evaluated
) -> None:
    bad = await later(world, Plan(baseline_right=0.9, candidate_right=0.3, changes={"retrieval.top_k": "5"}))
    losses = [row for row in bad.report.rows if row.outcome == "loss"]
    first = f"/reviews/{bad.id}/cases/{losses[0].ordinal}"
    response = await people["Rita"].get(first)
    text = text_of(response)
    for expected in (losses[0].question, losses[0].why, "Baseline", "Candidate", "What a good answer is", "Scores"):
        assert expected in text
    seen, path = [], first
    while path:
        seen.append(path)
        tags = Reader((await people["Rita"].get(path)).text).tags
        path = next((attributes["href"] or "" for _, attributes in tags if attributes.get("rel") == "next"), "")
    assert len(seen) == len(set(seen)) == len(losses)


# ---------------------------------------------------------------- deciding


async def test_one_person_approves_and_promotes_with_reasons_on_record(
    people: People, world: World, evaluated: Evaluated
) -> None:
    address = f"/reviews/{evaluated.id}"
    assert forms(await people["Ann"].get(address)) >= {"approve", "reject"}
    response = await people["Ann"].post(f"{address}/approve", data={"reason": "Better on every slice."})
    assert (response.status_code, response.headers["location"]) == (303, f"{address}#decide")
    page = await people["Ann"].get(address)
    assert "Approved by Ann: “Better on every slice.”" in text_of(page)
    assert {"promote", "reject"} <= forms(page)
    assert "approve" not in forms(page)
    assert (await people["Ann"].post(f"{address}/promote", data={"reason": ""})).status_code == 303
    assert release_status(world, evaluated) is ReleaseStatus.CHAMPION
    assert "This release is live." in text_of(await people["Ann"].get(address))
    assert f"Release {evaluated.candidate.id[:8]} answers" in text_of(await people["Rita"].get("/reviews"))


async def test_a_release_that_votes_taught_says_what_was_learned_by_how_many_and_how_surely(
    people: People, world: World, evaluated: Evaluated
) -> None:
    address = f"/reviews/{evaluated.id}"
    assert "What its remedy did" not in text_of(await people["Rita"].get(address))
    gain = GainComparison(questions=30, live=0.5, candidate=0.7, difference=0.2, interval=(0.1, 0.3))
    live, best = (FoundSetting(dense_weight=weight, depth=100, top_k=8) for weight in (0.45, 0.8))
    proposal = RefitProposal(
        changes={"retrieval.dense_weight": "0.8", "retrieval.question_map": "ab" * 32},
        figures=RefitFigures(
            search=FitFigures(live=live, best=best, tried=99, choosing=gain, held_out=gain),
            question_map=MapFigures(questions=30, ridge=1.0, choosing=gain, held_out=gain),
            abstention=None,
            chose_on=(),
            held_out_on=(),
        ),
    )
    firing = a_firing(
        "ranking_miss", FiringState.CANDIDATE, remedy="refit", proposal=proposal, release_id=evaluated.candidate.id
    )
    open_firings(world.database).add(firing)
    said = text_of(await people["Rita"].get(address))
    assert "retrieval.dense_weight = 0.8 (was 0.45)" in said
    assert "30 questions taught how others are searched for" in said
    assert "from 0.500 to 0.700" in said
    assert "95 % between +0.100 and +0.300" in said


async def test_a_rollback_needs_a_reason_and_brings_the_earlier_release_back(
    people: People, world: World, evaluated: Evaluated
) -> None:
    for deed in ("approve", "promote"):
        await people["Ann"].post(f"/reviews/{evaluated.id}/{deed}", data={"reason": "Good."})
    assert "rollback" in forms(await people["Ann"].get("/reviews"))
    assert "rollback" not in forms(await people["Rita"].get("/reviews"))
    refused = await people["Ann"].post("/reviews/rollback", data={"reason": " "})
    assert refused.status_code == 400
    assert "needs a reason" in text_of(refused)
    assert (await people["Ann"].post("/reviews/rollback", data={"reason": "Complaints."})).status_code == 303
    text = text_of(await people["Ann"].get("/reviews"))
    assert f"Release {evaluated.baseline.id[:8]} answers" in text
    assert "brought back by Ann, “Complaints.”" in text


async def test_a_reviewer_rejects_with_a_reason_and_cannot_approve(
    people: People, world: World, evaluated: Evaluated
) -> None:
    address = f"/reviews/{evaluated.id}"
    page = await people["Rita"].get(address)
    assert "reject" in forms(page)
    assert "approve" not in forms(page)
    for deed in ("approve", "promote"):
        assert (await people["Rita"].post(f"{address}/{deed}", data={"reason": "Please."})).status_code == 403
    empty = await people["Rita"].post(f"{address}/reject", data={"reason": ""})
    assert empty.status_code == 400
    assert "needs a reason" in text_of(empty)
    assert (await people["Rita"].post(f"{address}/reject", data={"reason": "Three losses."})).status_code == 303
    assert release_status(world, evaluated) is ReleaseStatus.REJECTED
    assert "rejected by Rita: “Three losses.”" in text_of(await people["Rita"].get(address))


async def test_who_made_a_candidate_is_told_that_someone_else_must_approve_it(
    people: People, world: World, evaluated: Evaluated
) -> None:
    response = await people[MAKER.name].post(f"/reviews/{evaluated.id}/approve", data={"reason": "Mine & <b>good</b>"})
    assert response.status_code == 403
    assert "someone else must approve it" in text_of(response)
    assert "Mine &amp; &lt;b&gt;good&lt;/b&gt;" in response.text
    assert release_status(world, evaluated) is ReleaseStatus.CANDIDATE


async def test_a_report_that_does_not_pass_cannot_be_approved(people: People, world: World) -> None:
    blocked = await later(world, Plan(locked_breaks=True, judge_fails=3, trusted=False))
    address = f"/reviews/{blocked.id}"
    page = await people["Ann"].get(address)
    assert "What blocks it" in text_of(page)
    assert "approve" not in forms(page)
    response = await people["Ann"].post(f"{address}/approve", data={"reason": "All the same."})
    assert response.status_code == 409
    assert "does not pass" in text_of(response)


async def test_a_report_against_a_release_that_is_no_longer_live_cannot_be_approved(
    people: People, world: World, evaluated: Evaluated
) -> None:
    other = await later(world, Plan(changes={"retrieval.top_k": "5"}))
    for deed in ("approve", "promote"):
        await people["Ann"].post(f"/reviews/{other.id}/{deed}", data={"reason": "Good."})
    response = await people["Ann"].post(f"/reviews/{evaluated.id}/approve", data={"reason": "Good too."})
    assert response.status_code == 409
    assert "the champion is now" in text_of(response)


async def test_an_older_report_leads_to_the_newer_one(people: People, world: World, evaluated: Evaluated) -> None:
    await later(world)
    page = await people["Ann"].get(f"/reviews/{evaluated.id}")
    assert "There is a newer report" in text_of(page)
    assert not forms(page) & {"approve", "reject", "promote"}


async def test_a_report_of_another_version_is_explained(people: People, world: World, evaluated: Evaluated) -> None:
    repository = EvaluationRepository(world.database)
    repository.finish(evaluated.id, verdict="better", passes=True, report={"schema_version": 99})
    response = await people["Rita"].get(f"/reviews/{evaluated.id}")
    assert response.status_code == 409
    assert "another version" in text_of(response)
