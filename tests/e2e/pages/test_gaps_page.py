"""/gaps in a real browser, without scripts: gaps are read, and a request for content is closed by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright import sync_api

from core.loop.diagnosis import Cause
from core.loop.enums import FiringState
from loop.remedies.registry import open_firings
from tests.support.app_world import World
from tests.support.browser import IN_A_BROWSER, LOW_CONTRAST
from tests.support.gaps import declined, request
from tests.support.monitored_answers import vote
from tests.support.web import served

pytestmark = IN_A_BROWSER


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path).ingest()
    world.add("docs/a.md", "The lead approves it.\n")
    given = [
        vote(world, name, Cause.CORPUS_GAP, question=f"Where does {name} park the car?") for name in ("Anna", "Ben")
    ]
    request(world, *(f"feedback:{each.id}" for each in given))
    for floor in range(6):
        declined(world, f"How do I repair the printer on floor {floor}, which says PC_LOAD_LETTER_{'X' * 60}?")
    return world


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reviewer_reads_the_gaps_and_closes_a_request(
    world: World, browser: sync_api.Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    with served(world.app()) as address:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=False
        )
        page = context.new_page()
        page.goto(f"{address}/ops")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Gaps").click()
        page.locator(".gap", has_text="printer").get_by_text("All 6").click()
        page.get_by_text("PC_LOAD_LETTER").last.wait_for()
        assert page.get_by_text("Where does Anna park the car?").first.is_visible()
        page.screenshot(path=tmp_path / "gaps.png", full_page=True)
        context.close()

        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{address}/gaps")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        assert page.evaluate(LOW_CONTRAST) == []
        page.get_by_label("What came of it").focus()
        page.keyboard.type("Written in parking.md.")
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text("The request is closed.").wait_for()
        context.close()
    (firing,) = open_firings(world.database).all()
    assert firing.state is FiringState.CLOSED
    assert firing.detail.endswith(": Written in parking.md.")
