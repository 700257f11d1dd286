"""Every page and endpoint that reads, opened by a reviewer of few labels: nothing that came from what the key does not
see is on any of them, and whoever sees those documents finds it there.

Reports of evaluations show every label: docs/explanation/security.md says why.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.loop.enums import DecisionKind, FiringState
from core.loop.feedback import AcceptedCase, FeedbackDecision, Firing
from core.storage.loop.feedback import FeedbackRepository
from core.types import DocumentState, ManifestEntry, Passage, Role, document_id
from evals.cases.cases import Case
from evals.cases.drafts import CaseDrafts
from loop.remedies.catalogue.content import ContentProposal
from loop.remedies.registry import open_firings
from tests.support.app_world import World
from tests.support.given_feedback import vote
from tests.support.loop_rows import some_evidence
from tests.support.monitored_answers import stored
from tests.support.recorded_answers import an_answer
from tests.support.routes import NEEDS

NOW = datetime.now(UTC)
HOLIDAYS = "handbook/holidays.md"
SALARIES = "handbook/salaries.md"

# Reports are judged whole, whatever labels their cases have.
REPORT = "{evaluation_id}"
READ = [path for (method, path), role in NEEDS.items() if method == "GET" and role and REPORT not in path]

# What is secret, and the one page that shows it to those who may see it. All of it holds the word "zebra".
SHOWN = {
    "zebra-salary": "/documents/{document_id}",
    "zebra-of-a-document": "/feedback",
    "zebra-of-nothing": "/feedback",
    "zebra-decided-without-places": "/feedback/decided",
    "zebra-declined-of-a-document": "/gaps",
    "zebra-declined-of-nothing": "/gaps",
    "zebra-requested": "/gaps",
    "zebra-draft-of-a-document": "/reviews/cases",
    "zebra-draft-of-nothing": "/reviews/cases",
    "zebra-failed.pdf": "/ops",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An installation where the board has left traces of every kind."""
    return planted(tmp_path_factory.mktemp("world"))


def planted(home: Path) -> World:
    world = World(home, {"environment": "production"}).ingest()
    world.add(
        SALARIES, "# Zebra salaries\n\nThe zebra-salary is decided in spring.\n", title="Zebra", access=("board",)
    )
    board = world.keys.create("Berta", ("board", "public"), None)[0].id
    for uris, name in (([SALARIES], "a-document"), ([], "nothing")):
        answer = asked(world, f"What is the zebra-of-{name}?", uris, board)
        vote(world, answer, author="Berta", access=("board", "public"))
        asked(world, f"What is the zebra-declined-of-{name}?", uris, board, abstained=True)
    asked(world, "What is the zebra-declined-without-a-key?", [], None, abstained=True)
    decided(world, asked(world, "What is the zebra-decided-without-places?", [], board))
    requested(world, asked(world, "What is the zebra-requested?", [], board))
    drafted(world)
    failed = ManifestEntry(
        document_id("handbook/zebra-failed.pdf"), "handbook/zebra-failed.pdf", "handbook", "etag", "0" * 64, "fake",
        DocumentState.FAILED, 0, ("board",), failure_kind="corrupt", failure_reason="zebra-failed.pdf is damaged.",
    )  # fmt: skip
    world.documents.save_entries(world.spec.name, "run", [failed])
    return world


def asked(world: World, question: str, uris: Sequence[str], key: str | None, *, abstained: bool = False) -> str:
    """Put an answer on record that came from these documents."""
    base = an_answer()
    chunk = base.retrieval.passages[0].chunk
    chunks = [replace(chunk, document_id=document_id(uri), uri=uri, title=uri, text=question) for uri in uris]
    retrieval = replace(base.retrieval, passages=tuple(Passage(each, "f" * 64, 0.5, {}) for each in chunks))
    return stored(world, [question], key=key, retrieval=retrieval, abstained=abstained, citations=())[0]


def decided(world: World, answer: str) -> None:
    """Accepted as a case that rests on no document."""
    given = vote(world, answer, author="Berta", access=("board", "public"))
    content = AcceptedCase(
        id="feedback-1", question="zebra-decided-without-places", history=(), answer="", evidence=(), tags=(),
        unanswerable=True, group="", origin="feedback", locked=True,
    )  # fmt: skip
    made = FeedbackDecision(given.id, DecisionKind.ACCEPTED, content, "Berta", "", NOW)
    assert FeedbackRepository(world.database).decide(made)


def requested(world: World, answer: str) -> None:
    """Content was asked for, because of a vote."""
    given = vote(world, answer, author="Berta", access=("board", "public"))
    open_firings(world.database).add(
        Firing(
            str(uuid.uuid4()), "corpus_gap", "content", NOW, "Three people asked.",
            some_evidence(f"feedback:{given.id}"), FiringState.REQUESTED, NOW,
            ContentProposal(source=None, questions=("zebra-requested",)),
        )
    )  # fmt: skip


def drafted(world: World) -> None:
    evidence = [{"uri": SALARIES, "quote": "The zebra-salary is decided in spring."}]
    values = {"id": "d-1", "question": "zebra-draft-of-a-document", "answer": "spring", "evidence": evidence}
    nothing = Case(id="d-2", question="zebra-draft-of-nothing", unanswerable=True, origin="drafted")
    cases = [Case.model_validate({**values, "origin": "drafted"}), nothing]
    CaseDrafts(world.database).add("zoo", cases, actor="Berta")


def addresses(world: World) -> Iterator[tuple[str, str]]:
    """Each route that reads, with every address of it that leads to something secret."""
    feedback = [given.id for given in FeedbackRepository(world.database).since()]
    firings = [firing.id for firing in open_firings(world.database).all()]
    answers = [given.interaction_id for given in FeedbackRepository(world.database).since()]
    drafts = [draft.id for draft in CaseDrafts(world.database).waiting("zoo")]
    values: Mapping[str, Sequence[str]] = {
        "document_id": [document_id(SALARIES)],
        "feedback_id": feedback,
        "interaction_id": answers,
        "firing_id": firings,
        "table": ["answers", "votes", "causes"],
        "model": ["ragloop"],
        "release_id": [world.release.id if world.release else ""],
    }
    for path in READ:
        names = re.findall(r"\{(\w+)\}", path)
        for value in values[names[0]] if names else [""]:
            yield path, re.sub(r"\{\w+\}", value, path)
    yield from (("/reviews/cases", f"/reviews/cases?missed={draft}") for draft in drafts)
    yield from (("/feedback", f"/feedback?done={each}") for each in feedback)


async def test_no_page_shows_a_reviewer_what_came_from_what_the_key_does_not_see(world: World) -> None:
    key = world.key("public", name="Rita", roles=Role)
    async with world.client(Authorization=f"Bearer {key}", Accept="text/html") as client:
        for _, address in addresses(world):
            response = await client.get(address)
            assert response.status_code in (200, 404), (address, response.text[:300])
            assert "zebra" not in response.text.lower(), address


async def test_whoever_may_see_the_documents_and_all_that_the_asker_may_finds_it_there(world: World) -> None:
    key = world.key("board", "public", "staff", name="Bo", roles=Role)
    found: dict[str, str] = {}
    async with world.client(Authorization=f"Bearer {key}", Accept="text/html") as client:
        for path, address in addresses(world):
            found[path] = found.get(path, "") + (await client.get(address)).text
    assert {name: name in found[path] for name, path in SHOWN.items()} == dict.fromkeys(SHOWN, True)
    # Asked without a key, by whoever runs the machine, who may see everything.
    assert "zebra-declined-without-a-key" not in "".join(found.values())


async def test_a_search_and_a_vote_lead_to_nothing_that_the_key_does_not_see(world: World) -> None:
    key = world.key("public", name="Rita", roles=Role)
    secret = FeedbackRepository(world.database).since()
    async with world.client(Authorization=f"Bearer {key}") as client:
        found = await client.post("/v1/search", json={"query": "What is the zebra-salary?"})
        assert found.status_code == 200
        assert "zebra" not in found.text.lower()
        for given in secret:
            for deed in ("accept", "dismiss"):
                assert (await client.post(f"/feedback/{given.id}/{deed}", data={"reason": "x"})).status_code == 404
            voted = await client.post("/v1/feedback", json={"interaction_id": given.interaction_id, "vote": "down"})
            assert voted.status_code == 404
