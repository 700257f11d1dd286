"""The web page in a real browser. What it saw is under pytest's --basetemp, in screenshots0/."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright import sync_api

from core.types import Role
from tests.support.app_world import World
from tests.support.browser import IN_A_BROWSER, LOW_CONTRAST, QUESTION, ask
from tests.support.web import Typist, served

pytestmark = IN_A_BROWSER

QUOTE = "Every employee has thirty days of holiday each year. Holidays are approved by the team lead."


@pytest.fixture
def typist() -> Typist:
    return Typist()


@pytest.fixture
def address(tmp_path: Path, typist: Typist) -> Iterator[str]:
    world = World(tmp_path).ingest()
    filler = "\n\n".join(f"Paragraph {number} is about something else entirely." for number in range(80))
    world.add(
        "handbook/long.md",
        f"{filler}\n\nThe *archive* keeps **every contract** for ten years.\n\n{filler}",
        title="Archive",
    )
    world.add("notes/tea.md", "The kettle is descaled on Fridays.", title="Tea")
    with served(world.app(typist)) as address:
        yield address


Opener = Callable[..., sync_api.Page]


@pytest.fixture
def visit(browser: sync_api.Browser, address: str) -> Iterator[Opener]:
    """Opens the page in a context of its own; fails the test on any script error, blocked load or foreign request."""
    contexts: list[sync_api.BrowserContext] = []
    troubles: list[str] = []

    def watch(page: sync_api.Page) -> None:
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(address) else troubles.append(request.url))

    def open_page(path: str = "/", **options: object) -> sync_api.Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


Shooter = Callable[[sync_api.Page, str], None]


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Shooter:
    """Saves a screenshot, for people to look at."""
    folder = tmp_path_factory.mktemp("screenshots")

    def save(page: sync_api.Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return save


def test_an_answer_streams_in_and_ends_with_its_sources(visit: Opener, shoot: Shooter, typist: Typist) -> None:
    typist.seconds_per_word = 0.3  # so that a busy machine looks often enough
    page = visit()
    ask(page, QUESTION)
    writing = page.locator(".writing")
    sync_api.expect(writing).to_contain_text("Every")
    shoot(page, "streaming")
    lengths = set()
    while writing.count():
        lengths.add(page.evaluate("document.querySelector('.writing')?.textContent.length ?? -1"))
        page.wait_for_timeout(20)
    assert len(lengths) >= 3
    assert page.locator(".prose").inner_text().startswith(QUOTE)
    assert page.locator(".sources li").count() == 1
    page.wait_for_url(re.compile("turn="))
    shoot(page, "answer")


def test_a_citation_opens_its_passage_beside_the_conversation(visit: Opener, shoot: Shooter) -> None:
    page = visit()
    ask(page, "How long does the archive keep every contract?")
    page.locator(".cite").click()
    mark = page.locator("dialog mark")
    mark.first.wait_for()
    marked = " ".join("".join(mark.all_inner_texts()).split())
    assert marked == "The archive keeps every contract for ten years."
    sync_api.expect(mark.first).to_be_in_viewport()
    shoot(page, "panel")
    page.keyboard.press("Escape")
    sync_api.expect(page.locator("dialog[open]")).to_have_count(0)
    sync_api.expect(page.locator(".cite")).to_be_focused()


def test_the_citation_s_address_opens_the_page_at_the_passage(visit: Opener, shoot: Shooter, address: str) -> None:
    page = visit()
    ask(page, "How long does the archive keep every contract?")
    href = page.locator(".cite").get_attribute("href")
    page.goto(f"{address}{href}")
    sync_api.expect(page.locator("#quote")).to_be_in_viewport(ratio=1)
    shoot(page, "document")


def test_a_reload_keeps_the_conversation_and_asks_nothing(visit: Opener) -> None:
    page = visit()
    ask(page, QUESTION)
    page.locator(".sources").wait_for()
    page.reload()
    assert page.locator(".question").all_inner_texts() == [QUESTION]
    ask(page, "Are they carried over to the next year?")
    page.locator(".turn:nth-child(2) .sources").wait_for()
    page.wait_for_url(re.compile("turn=.*turn="))
    page.get_by_text("New conversation").click()
    page.wait_for_url(re.compile("/$"))
    assert page.locator(".question").count() == 0


def test_stopping_keeps_what_was_written_and_ends_the_generation(visit: Opener, shoot: Shooter, typist: Typist) -> None:
    page = visit()
    ask(page, f"{QUESTION} Say it slowly.")
    sync_api.expect(page.locator(".writing")).to_contain_text("Every")
    page.get_by_role("button", name="Stop").click()
    page.locator(".notice").get_by_text("Stopped. What stands above is incomplete").wait_for()
    assert typist.cancelled.wait(20)
    shoot(page, "stopped")
    assert page.get_by_role("button", name="Ask", exact=True).is_visible()
    page.get_by_role("button", name="Ask again").click()
    sync_api.expect(page.locator(".writing")).to_contain_text("Every")


def test_an_error_is_explained_and_can_be_retried(visit: Opener, shoot: Shooter) -> None:
    page = visit()
    failing = True

    def answer(route: sync_api.Route) -> None:
        if failing:
            body = '{"error": {"type": "index_unavailable", "message": "The index is down.", "hint": "Start Qdrant."}}'
            # Not a status of 5xx, which the browser reports on its console as an error of the page.
            route.fulfill(status=200, content_type="text/event-stream", body=f"data: {body}\n\n")
        else:
            route.continue_()

    page.route("**/v1/chat/completions", answer)
    ask(page, QUESTION)
    page.locator(".notice").get_by_text("The index is down. Start Qdrant.").wait_for()
    shoot(page, "error")
    failing = False
    page.get_by_role("button", name="Ask again").click()
    page.locator(".sources").wait_for()
    assert page.locator(".notice").count() == 0


def test_what_the_documents_do_not_hold_looks_different(visit: Opener, shoot: Shooter) -> None:
    page = visit()
    ask(page, "Who won the chess tournament in Berlin?")
    page.get_by_text("Not in the documents").wait_for()
    assert page.locator(".nearest a").count() > 0
    shoot(page, "abstained")


def test_everything_can_be_done_with_the_keyboard(visit: Opener) -> None:
    page = visit("/documents")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#main")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.textContent") == "Ask":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/$"))
    page.locator("#question:focus").wait_for()
    page.keyboard.type("How many days of holiday")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("has every employee each year?")
    assert "\n" in page.get_by_label("Your question").input_value()
    page.keyboard.press("Enter")
    page.locator(".sources").wait_for()
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.className") == "cite":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.locator("dialog mark").first.wait_for()
    sync_api.expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Enter")
    sync_api.expect(page.locator(".cite")).to_be_focused()


@pytest.mark.parametrize("width", [1280, 390])
def test_why_these_passages_and_only_some_documents_are_used_with_the_keyboard(
    visit: Opener, shoot: Shooter, width: int
) -> None:
    page = visit("/", viewport={"width": width, "height": 844})
    page.get_by_text("Only some documents").focus()
    page.keyboard.press("Enter")
    shoot(page, f"only-{width}")
    page.get_by_label("Source", exact=True).select_option("notes")
    sync_api.expect(page.get_by_role("status").filter(has_text="notes")).to_be_visible()
    ask(page, QUESTION)
    sync_api.expect(page.get_by_text("Not in the documents")).to_be_visible()
    page.get_by_label("Source", exact=True).select_option("handbook")
    ask(page, QUESTION)
    sync_api.expect(page.locator(".prose").last).to_contain_text("thirty days")
    page.get_by_text("Why these passages").last.focus()
    page.keyboard.press("Enter")
    sync_api.expect(page.get_by_text("rank 1, score").last).to_be_visible()
    page.get_by_text("Why these passages").last.scroll_into_view_if_needed()
    shoot(page, f"why-{width}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(LOW_CONTRAST) == []


def test_the_page_works_without_scripts(visit: Opener) -> None:
    page = visit(java_script_enabled=False)
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    sync_api.expect(page.locator(".prose")).to_contain_text(QUOTE)
    assert page.locator(".prose").inner_text().startswith(QUOTE)
    page.get_by_label("Your question").fill("Are they carried over to the next year?")
    page.get_by_role("button", name="Ask", exact=True).click()
    sync_api.expect(page.locator(".turn")).to_have_count(2)
    page.locator(".cite").first.click()
    assert QUOTE.startswith(page.locator("mark").first.inner_text().partition(".")[0])


def test_a_key_signs_in_and_its_end_is_explained(browser: sync_api.Browser, tmp_path: Path, shoot: Shooter) -> None:
    world = World(tmp_path, {"environment": "production"}).ingest()
    key = world.key()
    with served(world.app(Typist())) as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        shoot(page, "sign-in")
        page.get_by_label("API key").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        shoot(page, "sign-in-failed")
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        ask(page, QUESTION)
        page.locator(".sources").wait_for()
        assert page.evaluate("document.cookie") == ""
        shoot(page, "signed-in")
        world.keys.revoke(key.split("_")[1])
        page.locator(".cite").click()
        page.locator("dialog").get_by_text("You are signed out.").wait_for()
        page.keyboard.press("Escape")
        ask(page, QUESTION)
        page.locator(".notice").get_by_text("You are signed out.").wait_for()
        page.locator(".notice").get_by_text("Sign in", exact=True).click()
        page.get_by_label("API key").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_refused_page_leads_to_another_key_and_out_again(
    browser: sync_api.Browser, tmp_path: Path, shoot: Shooter, scheme: str
) -> None:
    world = World(tmp_path, {"environment": "production"}).ingest()
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    with served(world.app(Typist())) as address, browser.new_context(**phone) as context:
        page = context.new_page()

        def look(name: str) -> None:
            page.wait_for_load_state("load")  # with its style sheets
            shoot(page, f"{name}-{scheme}-390")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert page.evaluate(LOW_CONTRAST) == []

        page.goto(f"{address}/documents")
        look("sign-in")
        page.get_by_label("API key").fill(world.key(roles=[Role.INGEST]))
        page.keyboard.press("Enter")
        page.get_by_text("does not have the role chat").first.wait_for()
        look("refused")
        page.get_by_role("link", name="Sign in with another key").click()
        page.get_by_label("API key").fill(world.key(roles=[Role.ADMIN]))
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Documents").wait_for()
        look("bar")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("API key").wait_for()
        page.goto(f"{address}/documents")
        page.get_by_label("API key").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window_and_its_text_has_contrast(
    visit: Opener, shoot: Shooter, scheme: str, width: int
) -> None:
    page = visit(viewport={"width": width, "height": 844}, color_scheme=scheme)
    shoot(page, f"empty-{scheme}-{width}")
    for question, selector in ((QUESTION, ".sources"), ("Who won the chess tournament?", ".nearest")):
        ask(page, question)
        page.locator(selector).wait_for()
        shoot(page, f"{selector[1:]}-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(LOW_CONTRAST) == []
    page.locator(".cite").first.click()
    page.locator("dialog mark").first.wait_for()
    page.locator("dialog").evaluate(
        "async (element) => { for (const each of element.getAnimations()) await each.finished }"
    )
    shoot(page, f"panel-{scheme}-{width}")
    assert page.evaluate(LOW_CONTRAST) == []
    assert page.locator("dialog").evaluate("element => element.scrollWidth <= element.clientWidth")
