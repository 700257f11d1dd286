"""/feedback, as a browser without scripts sees it: what was said, why the answer was bad, and deciding once."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx import AsyncClient, Response

from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject, OpposingPlace
from core.loop.enums import DecisionKind, FeedbackReason, FeedbackSide, Vote
from core.loop.feedback import Feedback, FeedbackDecision, TrainingPair
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.types import Actor, Role, Turn
from evals.cases.dataset_store import DatasetStore
from loop.erasure.eraser import Eraser
from loop.feedback.votes import Author, FeedbackOrder, FeedbackService
from tests.support.app_world import World
from tests.support.html_text import Reader
from tests.support.loop_rows import a_place, evidence
from tests.support.recorded_answers import recorded_answer

HOLIDAYS = "handbook/holidays.md"
SALARIES = "handbook/salaries.md"
QUOTE = "Holidays are approved by the team lead."
SECRET = "The board's salaries are decided by the shareholders each spring."


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"environment": "production"}).ingest()


@pytest.fixture
async def reviewer(world: World) -> AsyncIterator[AsyncClient]:
    async with client(world) as reviewer:
        yield reviewer


def client(world: World, *access: str) -> AsyncClient:
    key = world.key(*access, name="Rita", roles=[Role.REVIEW])
    return world.client(Authorization=f"Bearer {key}", Accept="text/html")


def given(
    world: World,
    question: str = "Who approves holidays?",
    uri: str = HOLIDAYS,
    author: str = "Ann",
    access: Sequence[str] | None = None,
    history: Sequence[Turn] = (),
    **more: object,
) -> Feedback:
    answer = recorded_answer(world.database, question, answer="The <b>office</b>. [1]", uri=uri, history=history)
    said = {"vote": Vote.DOWN, "reason": FeedbackReason.WRONG, "correction": "The team lead."} | more
    order = FeedbackOrder(answer, **said)  # type: ignore[arg-type]
    return FeedbackService(world.database).give(Author(author, None, access, "page"), order).feedback


def diagnosed(world: World, feedback: Feedback, uri: str = HOLIDAYS, quote: str = QUOTE, **found: object) -> None:
    DiagnosisRepository(world.database).add(
        Diagnosis(
            str(uuid.uuid4()), DiagnosisSubject.of_vote(feedback.id), datetime.now(UTC), feedback.release_id, "c", 1,
            feedback.question, Cause.RANKING_MISS, 0.9, f"It stands in {uri}, at rank 14.",
            evidence(a_place(uri, quote, 68), rank=14, **found), "1",
        )
    )  # fmt: skip


def taught(world: World, feedback: Feedback, answer: str) -> None:
    """A training pair was made of it."""
    pair = TrainingPair(question="Who approves them?", history=(), passages=(), answer=answer, rejected=None)
    made = FeedbackDecision(feedback.id, DecisionKind.ACCEPTED, pair, "Rita", "", datetime.now(UTC))
    FeedbackRepository(world.database).decide(made)


def form(page: Response, feedback: Feedback, **changes: str) -> dict[str, object]:
    """What the browser sends for this piece of feedback when its form is filled in as it came."""
    read = Reader(page.text)
    checked = [a["value"] for tag, a in read.tags if tag == "input" and a.get("name") == "passage" and "checked" in a]
    return {"question": feedback.question, "correction": feedback.correction, "passage": checked} | changes


def text_of(response: Response) -> str:
    return " ".join(Reader(response.text).text.split())


def decided(world: World, feedback: Feedback) -> object:
    return FeedbackRepository(world.database).decision(feedback.id)


async def test_the_queue_shows_what_was_said_and_what_was_found_out(world: World, reviewer: AsyncClient) -> None:
    feedback = given(world, comment="Ask <script>her</script>")
    diagnosed(world, feedback)
    page = await reviewer.get("/feedback")
    assert page.status_code == 200
    shown = text_of(page)
    for text in (
        "Who approves holidays?",
        "It is wrong",
        "Ann",
        "Ranking miss",
        "It stands in handbook/holidays.md",
        QUOTE,
    ):
        assert text in shown
    assert "&lt;b&gt;office&lt;/b&gt;" in page.text
    assert "<script>her" not in page.text
    assert "start=68&amp;end=107" in page.text


async def test_only_votes_down_that_count_and_wait_are_in_the_queue(world: World, reviewer: AsyncClient) -> None:
    given(world, "Why is it up?", vote=Vote.UP, reason=None, correction="")
    given(world, "Is it synthetic?", synthetic=True)
    given(world, "Who waits here?")
    given(world, "Who waits here?")
    shown = text_of(await reviewer.get("/feedback"))
    assert shown.count("Who waits here?") == 2  # its heading and its field
    assert "Why is it up?" not in shown
    assert "synthetic" not in shown


async def test_what_is_accepted_becomes_a_case_or_a_training_pair_and_the_page_says_which(
    world: World, reviewer: AsyncClient
) -> None:
    feedback = given(world)
    diagnosed(world, feedback)
    edits = {"question": "Who approves my holidays?", "correction": "The team lead\r\napproves them."}
    fields = form(await reviewer.get("/feedback"), feedback, **edits)
    assert len(fields["passage"]) == 1  # type: ignore[arg-type]
    answered = await reviewer.post(f"/feedback/{feedback.id}/accept", data=fields)
    assert answered.status_code == 303, text_of(answered)
    made = decided(world, feedback)
    page = text_of(await reviewer.get(answered.headers["location"]))
    if made.side is FeedbackSide.CASE:  # type: ignore[attr-defined]
        (case,) = DatasetStore(world.database).get("feedback").cases
        assert (case.question, case.evidence[0].quote, case.locked) == ("Who approves my holidays?", QUOTE, True)
        assert f"evaluation case {case.id}" in page
    else:
        assert "training pair" in page
    assert "No votes down wait for you." in page
    listed = text_of(await reviewer.get("/feedback/decided"))
    assert "by Rita" in listed
    assert "Who approves my holidays?" in listed


async def test_what_became_a_training_pair_says_so(world: World, reviewer: AsyncClient) -> None:
    feedback = given(world)
    taught(world, feedback, "The team lead. [1]")
    for path in ("/feedback/decided", f"/feedback/{feedback.id}", f"/feedback?done={feedback.id}"):
        assert "it is a training pair" in text_of(await reviewer.get(path))


async def test_a_passage_of_ones_own_must_stand_in_the_document(world: World, reviewer: AsyncClient) -> None:
    feedback = given(world)
    for uri, quote, status in ((HOLIDAYS, "Nobody approves them.", 400), (HOLIDAYS, "", 400), (HOLIDAYS, QUOTE, 303)):
        fields = form(await reviewer.get("/feedback"), feedback, uri=uri, quote=quote)
        answered = await reviewer.post(f"/feedback/{feedback.id}/accept", data=fields)
        assert answered.status_code == status
        if status == 400:
            assert uri in answered.text  # as it was filled in
            assert decided(world, feedback) is None
    assert decided(world, feedback) is not None


async def test_without_any_passage_that_the_diagnosis_found_nothing_is_accepted(
    world: World, reviewer: AsyncClient
) -> None:
    feedback = given(world)
    diagnosed(world, feedback)
    fields = {"question": feedback.question, "correction": "The team lead."}
    refused = await reviewer.post(f"/feedback/{feedback.id}/accept", data=fields)
    assert refused.status_code == 400
    assert "No passage is chosen" in text_of(refused)
    refused = await reviewer.post(f"/feedback/{feedback.id}/accept", data=fields | {"passage": ["0" * 16]})
    assert "not those offered any more" in text_of(refused)
    assert decided(world, feedback) is None


async def test_a_question_that_the_documents_should_not_answer_becomes_an_unanswerable_case(
    world: World, reviewer: AsyncClient
) -> None:
    feedback = given(world, correction="")
    fields = form(await reviewer.get("/feedback"), feedback, unanswerable="yes")
    assert (await reviewer.post(f"/feedback/{feedback.id}/accept", data=fields)).status_code == 303
    (case,) = DatasetStore(world.database).get("feedback").cases
    assert case.unanswerable


async def test_what_is_dismissed_no_longer_counts_and_keeps_its_reason(world: World, reviewer: AsyncClient) -> None:
    feedback = given(world)
    refused = await reviewer.post(
        f"/feedback/{feedback.id}/dismiss", data=form(await reviewer.get("/feedback"), feedback)
    )
    assert refused.status_code == 400
    answered = await reviewer.post(f"/feedback/{feedback.id}/dismiss", data={"reason": "It was right."})
    assert answered.status_code == 303
    assert "no longer counts" in text_of(await reviewer.get(answered.headers["location"]))
    assert "It was right." in text_of(await reviewer.get("/feedback/decided"))
    assert FeedbackService(world.database).counted() == []


async def test_the_second_to_decide_is_told_what_the_first_decided(world: World, reviewer: AsyncClient) -> None:
    feedback = given(world)
    await reviewer.post(f"/feedback/{feedback.id}/dismiss", data={"reason": "First."})
    second = await reviewer.post(f"/feedback/{feedback.id}/dismiss", data={"reason": "Second."})
    assert second.status_code == 409
    assert "decided before" in text_of(second)
    assert "First." in text_of(second)


async def test_a_reviewer_sees_and_decides_only_what_comes_from_documents_their_key_allows(world: World) -> None:
    secret = given(world, "Who decides the salaries?", uri=SALARIES)
    gone = given(world, "Who sweeps the moon?", uri="handbook/gone.md")
    public = given(world)
    diagnosed(world, public, SALARIES, SECRET)
    everyones = ("Who approves holidays?", "Ranking miss", "documents that your key does not see")
    async with client(world, "public") as limited, client(world, "public", "board") as board:
        page = text_of(await limited.get("/feedback"))
        assert all(text in page for text in everyones)
        for text in ("salaries", "moon", SECRET):
            assert text not in page
        for hidden in (secret, gone):
            assert (await limited.get(f"/feedback/{hidden.id}")).status_code == 404
            assert (await limited.get(f"/feedback?done={hidden.id}")).status_code == 200
            for way in ("accept", "dismiss"):
                refused = await limited.post(f"/feedback/{hidden.id}/{way}", data={"reason": "x", "question": "x"})
                assert refused.status_code == 404
                assert decided(world, hidden) is None
        seen = text_of(await board.get("/feedback"))
        assert "Who decides the salaries?" in seen
        assert SECRET in seen


async def test_a_conversation_is_shown_to_reviewers_who_see_all_that_its_author_sees(world: World) -> None:
    said = [Turn("user", "Who decides?"), Turn("assistant", SECRET)]
    feedback = given(world, access=["board", "public"], history=said)
    async with client(world, "public") as limited, client(world, "public", "board", "staff") as board:
        page = text_of(await limited.get(f"/feedback/{feedback.id}"))
        assert SECRET not in page
        assert "The conversation before is not shown" in page
        assert SECRET in text_of(await board.get(f"/feedback/{feedback.id}"))


async def test_feedback_whose_documents_were_erased_is_shown_like_all_that_came_from_gone_documents(
    world: World,
) -> None:
    feedback = given(world, "Who decides the salaries?", uri=SALARIES, access=["board", "public"])
    Eraser(world.settings, world.database, world.index).document(SALARIES, Actor("root", frozenset({Role.ADMIN})))
    async with client(world, "public") as limited, client(world, "public", "board") as board:
        for reviewer in (limited, board):
            assert (await reviewer.get(f"/feedback/{feedback.id}")).status_code == 404


@pytest.mark.parametrize("opposed", [False, True])
async def test_what_the_voter_wrote_is_shown_to_reviewers_who_see_what_the_diagnosis_found(
    world: World, opposed: bool
) -> None:
    feedback = given(world, correction=SECRET, comment="The shareholders said so.")
    if opposed:
        there = OpposingPlace(uri=SALARIES, start=0, end=len(SECRET), quote=SECRET)
        diagnosed(world, feedback, otherwise=there)
    else:
        diagnosed(world, feedback, SALARIES, SECRET)
    async with client(world, "public") as limited, client(world, "public", "board") as board:
        for address in ("/feedback", f"/feedback/{feedback.id}"):
            page = await limited.get(address)
            assert "Who approves holidays?" in page.text
            assert "shareholders" not in page.text
            assert "What the voter wrote is not shown either" in text_of(page)
            seen = text_of(await board.get(address))
            assert seen.count(SECRET) >= 2  # what was said, and the field for it
            assert "The shareholders said so." in seen


async def test_a_training_pair_is_shown_to_reviewers_who_see_what_the_diagnosis_found(world: World) -> None:
    feedback = given(world)
    diagnosed(world, feedback, SALARIES, SECRET)
    taught(world, feedback, SECRET)
    async with client(world, "public") as limited, client(world, "public", "board") as board:
        assert SECRET in text_of(await board.get("/feedback/decided"))
        for address in ("/feedback/decided", f"/feedback/{feedback.id}", f"/feedback?done={feedback.id}"):
            page = text_of(await limited.get(address))
            assert SECRET not in page
            assert "it is a training pair" in page


async def test_a_training_pair_is_hidden_from_those_who_may_not_see_its_document_any_more(world: World) -> None:
    feedback = given(world, uri="handbook/journeys.md")
    for uri in (HOLIDAYS, "handbook/journeys.md"):
        world.add(uri, f"# Journeys\n\n{QUOTE}\n", title="Journeys", access=("public",))
    diagnosed(world, feedback)
    taught(world, feedback, QUOTE)
    async with client(world, "public") as limited:
        assert QUOTE in text_of(await limited.get("/feedback/decided"))
        world.add(HOLIDAYS, f"# Journeys\n\n{QUOTE}\n", title="Journeys", access=("board",))
        page = text_of(await limited.get("/feedback/decided"))
        assert "it is a training pair" in page
        assert QUOTE not in page


async def test_a_case_is_shown_to_reviewers_who_see_its_evidence(world: World) -> None:
    feedback = given(world)
    entry = {"question": "Who decides the salaries?", "correction": SECRET, "uri": SALARIES, "quote": SECRET}
    async with client(world, "public") as limited, client(world, "public", "board") as board:
        assert (await board.post(f"/feedback/{feedback.id}/accept", data=entry)).status_code == 303
        assert SECRET in text_of(await board.get("/feedback/decided"))
        for address in ("/feedback/decided", f"/feedback/{feedback.id}", f"/feedback?done={feedback.id}"):
            page = text_of(await limited.get(address))
            assert SECRET not in page
            assert "it is the evaluation case" in page


async def test_long_queues_are_turned_page_by_page(world: World, reviewer: AsyncClient) -> None:
    for number in range(25):
        given(world, f"What is rule {number}{number}{number} about?", author=f"author {number}")
    first, second = text_of(await reviewer.get("/feedback")), text_of(await reviewer.get("/feedback?page=2"))
    assert "25 answers were voted down" in first
    assert "rule 242424" in first
    assert "rule 000" in second
    assert "rule 000" not in first
    assert "Page 2 of 2" in text_of(await reviewer.get("/feedback?page=99"))


@pytest.mark.parametrize("bad", ["nothing", "00000000-0000-4000-8000-000000000000", "%00"])
async def test_feedback_that_is_not_there_is_a_404(reviewer: AsyncClient, bad: str) -> None:
    assert (await reviewer.get(f"/feedback/{bad}")).status_code == 404
    fields: Mapping[str, str] = {"reason": "x"}
    assert (await reviewer.post(f"/feedback/{bad}/dismiss", data=fields)).status_code == 404
    assert (await reviewer.get(f"/feedback?done={bad}")).status_code == 200
