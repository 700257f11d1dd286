"""The review pages in a real browser. What it saw is under pytest's --basetemp, in reviews0/."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright import sync_api
from pypdf import PdfReader

from core.types import Role
from evals.cases.dataset_store import DatasetStore
from evals.report.case_detail import CaseDetails
from evals.report.file import report_file
from tests.support.app_world import World
from tests.support.browser import IN_A_BROWSER, LOW_CONTRAST
from tests.support.reports import Evaluated, Plan, add_handbook, evaluate
from tests.support.web import served

pytestmark = IN_A_BROWSER


@dataclass
class Site:
    """A server that needs keys, two evaluated candidates, and a key for each person."""

    address: str
    world: World
    good: Evaluated
    bad: Evaluated
    keys: dict[str, str]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    world = World(tmp_path, {"environment": "production"}).ingest()
    add_handbook(world)
    bad = Plan(0.8, 0.5, locked_breaks=True, judge_fails=3, trusted=False, changes={"retrieval.dense_weight": "0.1"})
    keys = {
        "Rita": world.key(name="Rita", roles=(Role.REVIEW,)),
        "Ann": world.key(name="Ann", roles=(Role.REVIEW, Role.APPROVE)),
        "Charlie": world.key(name="Charlie", roles=(Role.CHAT,)),
    }
    # Playwright's event loop runs in this thread, and making a release runs one of its own.
    with ThreadPoolExecutor(1) as beside:
        good = beside.submit(evaluate, world, Plan(0.55, 0.9)).result()
        found = beside.submit(evaluate, world, bad).result()
    with served(world.app()) as address:
        yield Site(address, world, good, found, keys)


Opener = Callable[..., sync_api.Page]


@pytest.fixture
def visit(browser: sync_api.Browser, site: Site) -> Iterator[Opener]:
    """Signs a person in and opens a page; fails the test on a script error, blocked load or foreign request."""
    contexts: list[sync_api.BrowserContext] = []
    troubles: list[str] = []

    def watch(page: sync_api.Page) -> None:
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request", lambda request: None if request.url.startswith(site.address) else troubles.append(request.url)
        )

    def open_page(name: str, path: str, **options: object) -> sync_api.Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.goto(site.address + path)
        page.get_by_label("API key").fill(site.keys[name])
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        watch(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go, for people to look at."""
    return tmp_path_factory.mktemp("reviews")


def questions(page: sync_api.Page) -> list[str]:
    return page.locator("#rows tbody th > a").all_inner_texts()


def test_a_reviewer_sorts_the_losses_opens_a_case_and_rejects_with_a_reason(
    visit: Opener, site: Site, shots: Path
) -> None:
    page = visit("Rita", "/reviews")
    page.screenshot(path=shots / "list.png")
    page.locator(f'a[href="/reviews/{site.bad.id}"]').click()
    page.get_by_role("heading", name="What blocks it").wait_for()
    page.screenshot(path=shots / "report.png")
    outcomes = page.locator(".outcomes svg").bounding_box()
    assert outcomes is not None
    assert outcomes["height"] > 8  # the bar is drawn, not only there
    page.locator("#rows nav").get_by_text("lost").click()
    page.wait_for_url(re.compile("outcome=loss"))
    losses = [row.question for row in site.bad.report.rows if row.outcome == "loss"]
    sync_api.expect(page.locator("#rows tbody tr")).to_have_count(len(losses))
    worst_first = questions(page)
    page.locator("#rows").get_by_role("link", name="Difference").click()
    page.wait_for_url(re.compile("sort=best"))
    assert sorted(questions(page)) == sorted(worst_first) == sorted(losses)
    page.locator("#rows select[name=sort]").select_option("case")
    page.wait_for_url(re.compile("sort=case"))
    sync_api.expect(page.locator("#rows tbody th > a").first).to_have_text(losses[0])
    assert questions(page) == losses
    page.go_back()
    page.wait_for_url(re.compile("sort=best"))
    page.locator("#rows tbody th > a").first.click()
    page.get_by_role("heading", name="What a good answer is").wait_for()
    sync_api.expect(page.locator(".side")).to_have_count(2)
    page.screenshot(path=shots / "case.png", full_page=True)
    page.goto(f"{site.address}/reviews/{site.bad.id}#decide")
    assert page.get_by_role("button", name="Approve").count() == 0
    page.get_by_role("button", name="Reject").click()  # the browser asks for the reason
    assert page.url.endswith("#decide")
    page.get_by_label("Why").fill("Locked cases broke.")
    page.get_by_role("button", name="Reject").click()
    page.locator(".trail").get_by_text("Locked cases broke.").wait_for()
    assert "rejected" in page.locator("#decide").inner_text()


def test_a_second_person_approves_and_promotes_and_rolls_back(visit: Opener, site: Site, shots: Path) -> None:
    page = visit("Ann", f"/reviews/{site.good.id}")
    page.get_by_label("Why").fill("Better on every slice; the one loss is a wording.")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved by Ann").first.wait_for()
    page.locator("#decide").screenshot(path=shots / "approved.png")
    page.get_by_role("button", name="Promote").click()
    page.get_by_text("This release is live.").wait_for()
    page.goto(f"{site.address}/reviews")
    assert site.good.candidate.id[:8] in page.locator(".live").inner_text()
    page.locator(".live summary").click()
    page.get_by_label("Why").fill("Complaints since noon.")
    page.get_by_role("button", name="Roll back").click()
    page.locator(".live").get_by_text("brought back by Ann").wait_for()
    assert site.good.baseline.id[:8] in page.locator(".live").inner_text()


def test_someone_without_the_role_cannot(visit: Opener, site: Site) -> None:
    page = visit("Charlie", "/")
    assert page.get_by_role("link", name="Reviews").count() == 0
    response = page.request.get(f"{site.address}/reviews/{site.good.id}", headers={"Accept": "text/html"})
    assert response.status == 403
    assert "The candidate is better" not in response.text()
    own = {"Origin": site.address}
    for deed in ("approve", "reject", "promote"):
        address = f"{site.address}/reviews/{site.good.id}/{deed}"
        assert page.request.post(address, form={"reason": "Mine."}, headers=own).status == 403
    foreign = visit("Ann", "/reviews").request.post(
        f"{site.address}/reviews/{site.good.id}/approve",
        form={"reason": "x"},
        headers={"Origin": "https://evil.example"},
    )
    assert foreign.status == 403
    assert "Approved" not in visit("Rita", f"/reviews/{site.good.id}").locator("#decide").inner_text()


def test_lists_are_sorted_and_filtered_without_scripts(visit: Opener, site: Site) -> None:
    page = visit("Rita", f"/reviews/{site.bad.id}", java_script_enabled=False)
    page.locator("#metric-correct a[href*=loss]").click()
    sync_api.expect(page.locator("#rows tbody tr")).to_have_count(site.bad.report.metrics[0].losses)
    page.locator("#rows select[name=tag]").select_option("access")
    page.locator("#rows").get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("tag=access"))
    assert "access" in page.locator("#rows").inner_text()
    page.locator("#rows").get_by_role("link", name="Show everything").click()
    sync_api.expect(page.locator("#rows tbody tr")).to_have_count(len(site.bad.report.rows))


def test_a_case_is_reached_with_the_keyboard_alone(visit: Opener, site: Site) -> None:
    page = visit("Rita", f"/reviews/{site.bad.id}?outcome=loss")
    page.locator(".contents a", has_text="Questions").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#rows"))
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#rows tbody th > a')"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/cases/"))
    page.locator(".passages summary").first.focus()
    before = page.locator(".passages details").first.get_attribute("open")
    page.keyboard.press("Enter")
    assert page.locator(".passages details").first.get_attribute("open") != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_fit_their_window_and_their_text_has_contrast(
    visit: Opener, site: Site, shots: Path, scheme: str, width: int
) -> None:
    page = visit("Ann", "/reviews", viewport={"width": width, "height": 844}, color_scheme=scheme)
    case = next(row.ordinal for row in site.bad.report.rows if row.outcome == "loss")
    paths = {
        "list": "/reviews", "good": f"/reviews/{site.good.id}", "bad": f"/reviews/{site.bad.id}",
        "case": f"/reviews/{site.bad.id}/cases/{case}",
    }  # fmt: skip
    for name, path in paths.items():
        page.goto(site.address + path)
        page.screenshot(path=shots / f"{name}-{scheme}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(LOW_CONTRAST) == [], name


@pytest.mark.parametrize("scripts", [True, False])
def test_the_file_reads_alone_sorts_and_prints_with_everything_open(
    browser: sync_api.Browser, site: Site, shots: Path, tmp_path: Path, scripts: bool
) -> None:
    path = tmp_path / "report.html"
    details = CaseDetails(site.world.database, DatasetStore(site.world.database), site.bad.record)
    path.write_text(report_file(site.bad.report, details.each), "utf-8")
    with browser.new_context(java_script_enabled=scripts, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert asked == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390 if scripts else True
        page.locator("#rows-loss + table tbody a").first.click()
        page.wait_for_url(re.compile("#."))
        sync_api.expect(page.locator(f"#{page.url.partition('#')[2]}")).to_be_in_viewport()
        page.pdf(path=shots / f"print-{scripts}.pdf", format="A4")
    printed = "\n".join(page.extract_text() for page in PdfReader(shots / f"print-{scripts}.pdf").pages)
    text = unicodedata.normalize("NFKC", printed)  # a font joins the letters of "firing"
    folded = next(passage for passage in _passages(site, details) if len(passage.split()) > 8)
    assert " ".join(folded.split()[:8]) in " ".join(text.split())
    assert "Back to the list" not in text


def _passages(site: Site, details: CaseDetails) -> list[str]:
    """Texts of passages of the worst case that are folded away on the screen."""
    case = next(row.ordinal for row in site.bad.report.rows if row.outcome == "loss")
    detail = details.get(case)
    assert detail is not None
    assert detail.candidate.answer is not None
    cited = {citation.chunk_id for citation in detail.candidate.answer.citations}
    passages = detail.candidate.answer.passages
    return [each.text for each in passages if each.chunk_id not in cited and not detail.is_gold(each)]
