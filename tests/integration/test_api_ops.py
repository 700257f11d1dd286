"""The page /ops and its downloads, as a browser without scripts and a program see them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import update

from core.loop.diagnosis import Cause
from core.loop.enums import FeedbackReason, FiringState, Vote, VoteStanding
from core.storage.documents import RunRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.erasures import ErasureRepository, Subject
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.monitor_checks import MonitorCheckRepository, TriggerReading
from core.storage.tables import ingestion_runs
from core.types import DocumentState, ManifestEntry, Role, document_id
from loop.remedies.registry import open_firings
from tests.support.app_world import World, asks
from tests.support.html_text import Reader
from tests.support.loop_rows import a_diagnosis, a_firing, a_vote
from tests.support.recorded_answers import record_answer

NOW = datetime.now(UTC)
TODAY = NOW.date().isoformat()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"environment": "production"}).ingest()


@pytest.fixture
async def rita(world: World) -> AsyncIterator[AsyncClient]:
    """A reviewer who sees what is public."""
    key = world.key(name="Rita", roles=(Role.REVIEW, Role.CHAT))
    async with world.client(Authorization=f"Bearer {key}", Accept="text/html") as client:
        yield client


def text_of(response: Response) -> str:
    """What is read, with a space where a tag stands."""
    assert response.status_code == 200, response.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.text)).split())


def fail(world: World, uri: str, *access: str) -> None:
    entry = ManifestEntry(
        document_id(uri), uri, "handbook", "etag", "0" * 64, "fake", DocumentState.FAILED, 0, access,
        failure_kind="corrupt", failure_reason=f"{uri} is damaged.",
    )  # fmt: skip
    world.documents.save_entries(world.spec.name, "run", [entry])


async def test_a_new_installation_is_told_what_to_do(world: World, rita: AsyncClient) -> None:
    text = text_of(await rita.get("/ops"))
    assert "Nobody asked anything in these days." in text
    assert "Nobody voted in these days." in text
    assert "ragloop triggers check does it now" in text
    assert "Nothing was erased in these days." in text


async def test_answers_and_refusals_are_shown_with_the_figures_behind_them(world: World, rita: AsyncClient) -> None:
    for question in ("How many days of holiday does every employee have?", "Who won the football cup in 1954?"):
        assert (await rita.post("/v1/chat/completions", json=asks(question))).status_code == 200
    page = await rita.get("/ops?days=7")
    assert "Answers 2 1 refused" in text_of(page)
    assert f"{TODAY}: Answered 1, Refused 1" in text_of(page)
    assert f"{TODAY} 1 1" in text_of(page)

    download = await rita.get("/ops/answers.csv?days=7")
    assert download.headers["content-disposition"] == 'attachment; filename="answers-7-days.csv"'
    rows = list(csv.DictReader(io.StringIO(download.text)))
    assert len(rows) == 7
    assert rows[-1] == {"day": TODAY, "answered": "1", "refused": "1"}
    everything = (await rita.get("/ops.json?days=7")).json()
    assert everything["tables"]["answers"]["answered"] == [0, 0, 0, 0, 0, 0, 1]


async def test_only_votes_that_count_are_shown_by_their_standing_cause(world: World, rita: AsyncClient) -> None:
    feedback, diagnoses = FeedbackRepository(world.database), DiagnosisRepository(world.database)
    diagnosed = a_vote(at=NOW, author="Ann", reason=FeedbackReason.WRONG)
    for vote in (
        diagnosed,
        a_vote(at=NOW, author="Ben"),
        a_vote(at=NOW, author="Ben", vote=Vote.UP),
        a_vote(at=NOW, author="Ben", standing=VoteStanding.REPEATED),
        a_vote(at=NOW, author="probe", standing=VoteStanding.SYNTHETIC),
    ):
        feedback.add(vote)
    diagnoses.add(a_diagnosis(diagnosed.id, Cause.CORPUS_GAP, NOW - timedelta(hours=1)))
    diagnoses.add(a_diagnosis(diagnosed.id, Cause.STALE_SOURCE, NOW))

    tables = (await rita.get("/ops.json?days=1")).json()["tables"]

    assert (tables["votes"]["up"], tables["votes"]["down"]) == ([1], [2])
    counts = {name: values[0] for name, values in tables["causes"].items() if name != "days" and values[0]}
    assert counts == {"stale_source": 1, "undiagnosed": 1}
    text = text_of(await rita.get("/ops"))
    assert "Wait for a person 2 Read them" in text
    assert f"{TODAY}: Stale source 1, Undiagnosed 1" in text


async def test_drift_is_shown_against_where_its_trigger_fires(world: World, rita: AsyncClient) -> None:
    checks = MonitorCheckRepository(world.database)
    checks.add(
        NOW - timedelta(days=1),
        {"drift_questions": TriggerReading(0.05, 0.1), "ranking_miss": TriggerReading(4.5, 5.0)},
    )
    checks.add(NOW, {"drift_questions": TriggerReading(0.12, 0.1), "ranking_miss": TriggerReading(None, 5.0)})
    page = await rita.get("/ops?days=2")
    text = text_of(page)
    assert "Drift questions people ask about other things than before" in text
    assert "Drift questions: 0.12; fires at 0.1" in text
    assert "Ranking miss: –; fires at 5" in text
    assert text.index("Drift questions people") < text.index("Ranking miss the right")
    drift = next(attributes for tag, attributes in Reader(page.text).tags if tag == "svg" and attributes["class"])
    assert drift["class"] == "spark worse"
    assert "spark held" not in page.text
    rows = list(csv.DictReader(io.StringIO((await rita.get("/ops/triggers.csv?days=2")).text)))
    assert [(row["drift_questions"], row["ranking_miss"]) for row in rows] == [("0.05", "4.5"), ("0.12", "")]


async def test_firings_that_wait_and_candidates_are_shown_with_what_to_do(world: World, rita: AsyncClient) -> None:
    firings = open_firings(world.database)
    old = NOW - timedelta(days=100)
    firings.add(a_firing("ranking_miss", FiringState.OPEN, id="aaaaaaaa-1", at=old, reason="Six votes."))
    firings.add(a_firing("corpus_gap", FiringState.CLOSED, id="bbbbbbbb-1", at=old, changed_at=old))
    firings.add(a_firing("stale_source", FiringState.FAILED, id="cccccccc-1", at=old, detail="No such folder."))
    text = text_of(await rita.get("/ops"))
    assert "Ranking miss Six votes." in text
    assert "ragloop triggers show aaaaaaaa" in text
    assert "failed No such folder." in text
    assert "Corpus gap" not in text
    assert "Candidates 0" in text


async def test_a_firing_whose_candidate_was_decided_on_does_not_wait_for_a_person(
    world: World, rita: AsyncClient
) -> None:
    assert world.release is not None
    promoted = a_firing(
        "not_indexed", FiringState.CANDIDATE, release_id=world.release.id, detail="The candidate waits for a person."
    )
    open_firings(world.database).add(promoted)
    text = text_of(await rita.get("/ops"))
    assert "Its candidate was promoted." in text
    assert "waits for a person" not in text
    assert "Triggers at work 0" in text


async def test_a_document_read_in_part_is_listed_with_what_is_missing(world: World, rita: AsyncClient) -> None:
    fail(world, "handbook/broken.pdf", "public")
    scan = ManifestEntry(
        document_id("handbook/scan.pdf"), "handbook/scan.pdf", "handbook", "etag", "0" * 64, "fake", DocumentState.INDEXED,
        1, ("public",), missing="Page 2 is a scan.",
    )  # fmt: skip
    world.documents.save_entries(world.spec.name, "run", [scan])
    text = text_of(await rita.get("/ops"))
    assert "Documents not whole 2 Which" in text
    assert "handbook/scan.pdf Page 2 is a scan." in text


async def test_names_of_failed_documents_are_for_those_who_may_see_them(world: World, rita: AsyncClient) -> None:
    fail(world, "handbook/broken.pdf", "public")
    fail(world, "handbook/severance.pdf", "board")
    for answer in (await rita.get("/ops"), await rita.get("/ops.json")):
        assert "handbook/broken.pdf" in answer.text
        assert "severance" not in answer.text
    text = text_of(await rita.get("/ops"))
    assert "Documents not whole 2 Which" in text
    assert "1 more, which your key may not see" in text

    board = world.key("board", "public", name="Bo", roles=(Role.REVIEW,))
    async with world.client(Authorization=f"Bearer {board}") as client:
        assert "severance" in (await client.get("/ops")).text


async def test_a_source_that_nobody_reads_any_more_stands_out(world: World, rita: AsyncClient) -> None:
    with world.database.transaction() as connection:
        connection.execute(update(ingestion_runs).values(finished_at=NOW - timedelta(days=40)))
    page = await rita.get("/ops")
    assert "handbook 2 0 40 days ago" in text_of(page)
    assert '<span class="no">40 days ago</span>' in page.text


async def test_a_source_of_which_nothing_is_left_is_not_called_old(world: World, rita: AsyncClient) -> None:
    world.documents.save_source("removed", "/somewhere")
    RunRepository(world.database).start("a-run", "removed", world.spec.name)
    RunRepository(world.database).finish("a-run", "finished", {})
    with world.database.transaction() as connection:
        old = update(ingestion_runs).where(ingestion_runs.c.id == "a-run")
        connection.execute(old.values(finished_at=NOW - timedelta(days=40)))
    page = await rita.get("/ops")
    assert "removed 0 0 40 days ago" in text_of(page)
    assert '<span class="no">40 days ago</span>' not in page.text


async def test_a_run_that_failed_says_why_and_one_that_runs_has_no_counts_yet(world: World, rita: AsyncClient) -> None:
    runs = RunRepository(world.database)
    runs.start("bad", "handbook", world.spec.name)
    runs.finish("bad", "failed", {"error": "The folder is not there.", "hint": "Mount it."})
    runs.start("going", "handbook", world.spec.name)
    found = {run["id"]: run for run in (await rita.get("/ops.json")).json()["runs"]}
    assert found["bad"]["error"] == "The folder is not there. Mount it."
    assert (found["going"]["documents"], found["going"]["seconds"]) == (None, None)
    assert "failed The folder is not there. Mount it." in text_of(await rita.get("/ops"))


async def test_what_is_said_in_a_reason_is_text_and_no_markup(world: World, rita: AsyncClient) -> None:
    open_firings(world.database).add(a_firing("<b>x</b>", reason="<script>alert(1)</script>"))
    world.documents.save_source("<i>s</i>", "/")
    page = (await rita.get("/ops")).text
    assert "<script>" not in page
    assert "<b>x" not in page
    assert "<i>s" not in page


@pytest.mark.parametrize("path", ["/ops?days=0", "/ops?days=367", "/ops?days=x", "/ops/nothing.csv"])
async def test_what_there_is_not_is_refused_with_a_reason(rita: AsyncClient, path: str) -> None:
    refused = await rita.get(path, headers={"Accept": "application/json"})
    assert refused.status_code in (400, 404)
    assert refused.json()["error"]["message"]


async def test_days_are_those_of_utc_and_the_range_holds(world: World, rita: AsyncClient) -> None:
    record_answer(world.database, 1, at=NOW - timedelta(days=6))
    record_answer(world.database, 2, at=NOW - timedelta(days=8))
    for days, answers in ((7, 1), (30, 2)):
        table = (await rita.get(f"/ops.json?days={days}")).json()["tables"]["answers"]
        assert sum(table["answered"]) == answers
        assert (len(table["days"]), table["days"][-1]) == (days, TODAY)


async def test_erasures_are_counted_and_nothing_is_said_of_what_they_were(world: World, rita: AsyncClient) -> None:
    repository = ErasureRepository(world.database)
    for subject in ("handbook/secret-a.md", "handbook/secret-b.md"):
        repository.record(Subject.DOCUMENT, subject, "Ann", {"documents": 1})
    page = await rita.get("/ops")
    assert "Erasures Document: 2" in text_of(page)
    assert "secret" not in page.text
