"""The page /ops in a real browser. What it saw is under pytest's --basetemp, in operations0/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright import sync_api

from core.loop.diagnosis import Cause
from core.loop.enums import FiringState, Vote
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.monitor_checks import MonitorCheckRepository, TriggerReading
from core.types import DocumentState, ManifestEntry, document_id
from loop.remedies.registry import open_firings
from tests.support.app_world import World
from tests.support.browser import IN_A_BROWSER, LOW_CONTRAST
from tests.support.loop_rows import a_diagnosis, a_firing, a_vote
from tests.support.recorded_answers import record_answer
from tests.support.web import served

pytestmark = IN_A_BROWSER


@dataclass
class Site:
    """A server over a month of answers, votes, checks and firings."""

    address: str
    shots: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    world = World(tmp_path_factory.mktemp("home")).ingest()
    _fill(world)
    with served(world.app()) as address:
        yield Site(address, tmp_path_factory.mktemp("operations"))


def _fill(world: World) -> None:
    causes = list(Cause)
    now = datetime.now(UTC)  # not when this file was read: that may be the day before
    for day in range(28):
        at = now - timedelta(days=day)
        for number in range(1 + day % 4):
            record_answer(world.database, 100 * day + number, at=at, abstained=number == 2, cost=0.001 * number or None)
            vote = a_vote(at=at, author=f"p{number}", vote=Vote.UP if number == 1 else Vote.DOWN)
            FeedbackRepository(world.database).add(vote)
            if vote.vote is Vote.DOWN:
                cause = causes[(day + number) % len(causes)]
                DiagnosisRepository(world.database).add(a_diagnosis(vote.id, cause, at))
        readings = {
            "drift_questions": TriggerReading(0.12 - 0.004 * day, 0.1),
            "drift_scores": TriggerReading(None, 0.25),
        }
        MonitorCheckRepository(world.database).add(
            at, {**readings, "ranking_miss": TriggerReading(float(day % 6), 5.0)}
        )
    for state in FiringState:
        firing = a_firing("ranking_miss", state, at=now, changed_at=now, detail="x" * 90)
        open_firings(world.database).add(firing)
    uri = f"handbook/{'a-long-name-' * 12}.pdf"
    failed = ManifestEntry(
        document_id(uri), uri, "handbook", "etag", "0" * 64, "fake", DocumentState.FAILED, 0, ("public",),
        failure_kind="corrupt", failure_reason="The file is damaged.",
    )  # fmt: skip
    world.documents.save_entries(world.spec.name, "run", [failed])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window_and_its_text_has_contrast(
    browser: sync_api.Browser, site: Site, scheme: str, width: int
) -> None:
    troubles: list[str] = []
    with browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844}) as context:
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("request", lambda one: None if one.url.startswith(site.address) else troubles.append(one.url))
        page.goto(f"{site.address}/ops")
        page.screenshot(path=site.shots / f"{scheme}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(LOW_CONTRAST) == []
        for summary in page.locator(".figures summary").all():
            summary.click()
        page.screenshot(path=site.shots / f"{scheme}-{width}-open.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(LOW_CONTRAST) == []
    assert troubles == []


def test_range_figures_and_downloads_work_without_scripts_and_by_keyboard(
    browser: sync_api.Browser, site: Site
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site.address}/ops")
        page.get_by_role("link", name="7 days").click()
        page.wait_for_url(re.compile("days=7"))
        assert page.locator("nav [aria-current=true]").inner_text() == "7 days"
        plot = page.locator("figure", has=page.get_by_role("img", name=re.compile("^Answers a day")))
        assert plot.locator("rect.piece.answered").count() == 7
        plot.locator("summary").focus()
        page.keyboard.press("Enter")
        assert plot.locator("tbody tr").count() == 7
        with page.expect_download() as downloading:
            plot.get_by_role("link", name="Download as CSV").click()
        lines = Path(downloading.value.path()).read_text().splitlines()
        assert (lines[0], len(lines)) == ("day,answered,refused", 8)
