"""Drafts of cases in a real browser, without scripts: one is edited and accepted by keyboard, another discarded."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright import sync_api

from evals.cases.dataset_store import DatasetStore
from evals.cases.drafts import CaseDrafts
from evals.drafting.from_documents import draft
from tests.support.app_world import World
from tests.support.browser import IN_A_BROWSER, LOW_CONTRAST
from tests.support.web import served

pytestmark = IN_A_BROWSER

TEXT = """# Archive

## What a loan slip is

A loan slip is the paper that says who has which contract.

## How to borrow a contract

Sign the list at the door and bring the contract back within a week.
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path).ingest()
    document = world.add("handbook/archive.md", TEXT, title="Archive")
    CaseDrafts(world.database).add("handbook", draft([document], count=5, seed=1), actor="a program")
    return world


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reviewer_accepts_an_edited_draft_and_discards_another(
    world: World, browser: sync_api.Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    with served(world.app()) as address:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=False
        )
        page = context.new_page()
        page.goto(f"{address}/reviews")
        page.get_by_role("link", name="Drafts of evaluation cases").click()
        borrow = page.locator("fieldset", has=page.locator("mark", has_text="Sign the list"))
        what = page.locator("fieldset", has=page.locator("mark", has_text="A loan slip"))
        borrow.get_by_label("Question").fill("How can I borrow a contract?")
        page.wait_for_load_state("load")  # Tab finds what has come
        borrow.get_by_label("Tags").fill("archive, how-to")
        borrow.get_by_label("Tags").press("Tab")
        page.keyboard.press("ArrowRight")  # from "Later", the one chosen, around to "Accept"
        what.get_by_role("radio", name="Discard").check()
        page.screenshot(path=tmp_path / f"drafts-{width}-{scheme}.png", full_page=True)
        page.get_by_role("button", name="Save decisions").click()
        sync_api.expect(page.get_by_role("status")).to_contain_text("1 accepted into handbook")
        sync_api.expect(page.get_by_role("status")).to_contain_text("1 discarded")
        context.close()
    accepted = DatasetStore(world.database).get("handbook").cases[-1]
    assert (accepted.question, accepted.tags) == ("How can I borrow a contract?", ("archive", "how-to"))
    assert accepted.answer == "Sign the list at the door and bring the contract back within a week."
    assert CaseDrafts(world.database).waiting("handbook") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_its_text_has_contrast(world: World, browser: sync_api.Browser, scheme: str) -> None:
    with served(world.app()) as address:
        context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{address}/reviews/cases")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.evaluate(LOW_CONTRAST) == []
        context.close()
