"""The queue of feedback in a real browser, without scripts: read, put right and accepted by keyboard."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright import sync_api

from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.loop.enums import FeedbackReason, Vote
from core.loop.feedback import CitationVote, Feedback
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from loop.feedback.votes import Author, FeedbackOrder, FeedbackService
from tests.support.app_world import HOLIDAYS, World
from tests.support.browser import IN_A_BROWSER, LOW_CONTRAST
from tests.support.loop_rows import a_place, evidence
from tests.support.recorded_answers import recorded_answer
from tests.support.web import served

pytestmark = IN_A_BROWSER

URI = "handbook/holidays.md"
QUOTE = "Holidays are approved by the team lead."


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


@pytest.fixture
def feedback(world: World) -> Feedback:
    answer = recorded_answer(world.database, "Who approves holidays?", answer="The office does. [1]", uri=URI)
    order = FeedbackOrder(
        answer,
        Vote.DOWN,
        FeedbackReason.WRONG,
        comment="I asked there, and they sent me away.",
        correction="The team lead.",
        citations=[CitationVote(1, Vote.DOWN)],
    )
    given = FeedbackService(world.database).give(Author("Ann", None, None, "page"), order).feedback
    start = HOLIDAYS.index(QUOTE)
    found = evidence(a_place(URI, QUOTE, start), answer_with_right_passage=QUOTE)
    DiagnosisRepository(world.database).add(
        Diagnosis(
            str(uuid.uuid4()), DiagnosisSubject.of_vote(given.id), datetime.now(UTC), given.release_id, "c", 1, given.question,
            Cause.RANKING_MISS, 0.9, f"The passage that holds it stands in {URI} at rank 14; 8 were read.", found, "1",
        )
    )  # fmt: skip
    other = recorded_answer(world.database, "When do carried-over days expire?", uri=URI)
    FeedbackService(world.database).give(Author("Ben", None, None, "page"), FeedbackOrder(other, Vote.DOWN))
    return given


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reviewer_accepts_one_and_dismisses_another(
    world: World, feedback: Feedback, browser: sync_api.Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    window = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme, "java_script_enabled": False}
    with served(world.app()) as address, browser.new_context(**window) as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_role("link", name="Feedback").click()
        page.screenshot(path=tmp_path / f"queue-{width}-{scheme}.png", full_page=True)
        wrong = page.locator("article", has=page.get_by_role("heading", name="Who approves holidays?"))
        assert wrong.get_by_role("checkbox", name=QUOTE).is_checked()
        page.wait_for_load_state("load")  # Tab finds what has come
        wrong.get_by_label("Right answer").fill("The team lead approves them.")
        wrong.get_by_label("Right answer").press("Tab")
        for _ in range(20):
            if page.locator(":focus").inner_text() == "Accept":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        sync_api.expect(page.get_by_role("status")).to_contain_text("Accepted")
        page.get_by_text("Dismiss instead").click()
        page.get_by_label("Why").fill("Nobody can tell.")
        page.get_by_role("button", name="Dismiss").click()
        sync_api.expect(page.get_by_role("status")).to_contain_text("Dismissed")
        page.get_by_role("link", name="Decided").click()
        page.screenshot(path=tmp_path / f"decided-{width}-{scheme}.png", full_page=True)
    decisions = FeedbackRepository(world.database).decisions()
    assert decisions[feedback.id].content.answer.startswith("The team lead approves them.")
    assert len(decisions) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_its_text_has_contrast(
    world: World, feedback: Feedback, browser: sync_api.Browser, scheme: str
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    with served(world.app()) as address, browser.new_context(**phone) as context:
        page = context.new_page()
        for path in ("/feedback", f"/feedback/{feedback.id}", "/feedback/decided"):
            page.goto(f"{address}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") == 390
            assert page.evaluate(LOW_CONTRAST) == []
