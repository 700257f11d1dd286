"""Voting in a real browser: stored once, thanked for only then, lost neither by the network nor by a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright import sync_api

from core.loop.enums import FeedbackReason, Vote
from core.loop.feedback import CitationVote, Feedback
from core.storage.loop.feedback import FeedbackRepository
from tests.support.app_world import World
from tests.support.browser import IN_A_BROWSER, LOW_CONTRAST, QUESTION, ask
from tests.support.web import Typist, served

pytestmark = IN_A_BROWSER

VOTES = "**/v1/feedback"
THANKS = "Thank you, noted."


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


Opener = Callable[..., sync_api.Page]


@pytest.fixture
def answered(world: World, browser: sync_api.Browser) -> Iterator[Opener]:
    """Opens the page in a context of its own, and asks."""
    contexts: list[sync_api.BrowserContext] = []
    with served(world.app(Typist(0.001))) as address:

        def open_page(**options: object) -> sync_api.Page:
            context = browser.new_context(**options)
            contexts.append(context)
            page = context.new_page()
            page.goto(address)
            ask(page, QUESTION)
            page.locator(".sources").wait_for()
            return page

        yield open_page
        for context in contexts:
            context.close()


def votes(world: World) -> list[Feedback]:
    return FeedbackRepository(world.database).since()


def hold_the_first(page: sync_api.Page) -> list[sync_api.Route]:
    """Votes arrive, but for the first one, which is left on the way: the list has it once it is sent."""
    held: list[sync_api.Route] = []

    def hold(route: sync_api.Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(VOTES, hold)
    return held


def status(page: sync_api.Page) -> sync_api.Locator:
    return page.locator(".vote-status")


def test_a_vote_down_is_stored_at_once_and_what_is_wrong_with_it(world: World, answered: Opener) -> None:
    page = answered()
    page.get_by_role("button", name="Bad answer").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert [vote.vote for vote in votes(world)] == [Vote.DOWN]
    page.get_by_label("Something is missing").check()
    page.get_by_label("What would be right?").fill("Thirty days,\nand five more.")
    page.get_by_label("Anything else?").fill("<b>Thanks</b>")
    with page.expect_response(VOTES):
        page.get_by_role("button", name="Send").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    said = votes(world)[0]
    assert (said.reason, said.correction) == (FeedbackReason.INCOMPLETE, "Thirty days,\nand five more.")
    assert (said.comment, said.origin, said.question) == ("<b>Thanks</b>", "page", QUESTION)
    page.reload()
    sync_api.expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    correction = page.get_by_label("What would be right?")
    sync_api.expect(correction).to_be_hidden()
    page.get_by_role("button", name="Bad answer").click()  # pressed already: it shows what was said
    sync_api.expect(correction).to_be_visible()
    assert correction.input_value() == "Thirty days,\nand five more."
    assert len(votes(world)) == 2
    with page.expect_response(VOTES):
        page.get_by_role("button", name="Good answer").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert (votes(world)[0].vote, votes(world)[0].correction) == (Vote.UP, "")


def test_a_source_is_voted_on_along_with_the_answer(world: World, answered: Opener) -> None:
    page = answered()
    page.get_by_role("radio", name="This source does not fit").check()
    sync_api.expect(status(page)).to_contain_text("Send it below")
    assert page.get_by_label("A source does not fit").is_checked()
    assert votes(world) == []
    page.get_by_role("button", name="Send").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert votes(world)[0].citations == (CitationVote(1, Vote.DOWN),)
    with page.expect_response(VOTES):
        page.get_by_role("radio", name="This source fits").check()
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert votes(world)[0].citations == (CitationVote(1, Vote.UP),)


def test_a_vote_whose_acknowledgement_was_lost_is_sent_again_and_stored_once(world: World, answered: Opener) -> None:
    page = answered()
    lost, told = [], False

    def lose(route: sync_api.Route) -> None:
        if len(lost) < 2 or not told:  # what the page says between two attempts, a busy machine may miss
            lost.append(route.fetch().status)  # it arrives and is stored, but the page never hears of it
            route.abort()
        else:
            route.continue_()

    page.route(VOTES, lose)
    page.get_by_role("button", name="Good answer").click()
    sync_api.expect(status(page)).to_have_text("Not stored yet. Trying again …")
    told = True
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert lost == [201] + [200] * (len(lost) - 1)
    assert len(votes(world)) == 1


def test_a_reload_in_the_middle_loses_no_vote_and_doubles_none(world: World, answered: Opener) -> None:
    page = answered()
    held = hold_the_first(page)
    page.get_by_role("button", name="Bad answer").click()
    sync_api.expect(status(page)).to_have_text("Sending …")
    page.reload()
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert len(held) == 1
    assert [vote.vote for vote in votes(world)] == [Vote.DOWN]
    page.reload()
    assert len(votes(world)) == 1


def test_a_vote_that_is_acknowledged_while_the_page_is_left_is_thanked_for_on_the_next(
    world: World, answered: Opener
) -> None:
    page = answered()
    held = hold_the_first(page)
    page.get_by_role("button", name="Bad answer").click()
    sync_api.expect(status(page)).to_have_text("Sending …")
    page.evaluate("dispatchEvent(new Event('beforeunload'))")
    next_page = page.request.get(page.url)  # written before the vote was stored
    held[0].continue_()
    sync_api.expect(status(page)).to_have_text(THANKS)
    page.route(page.url, lambda route: route.fulfill(response=next_page))
    page.reload()
    sync_api.expect(status(page)).to_have_text(THANKS)
    sync_api.expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    assert [vote.vote for vote in votes(world)] == [Vote.DOWN]


def test_a_vote_that_was_not_stored_before_a_reload_is_sent_after_it(world: World, answered: Opener) -> None:
    page = answered()
    page.route(VOTES, lambda route: route.abort())
    page.get_by_role("button", name="Bad answer").click()
    sync_api.expect(status(page)).to_have_text("Not stored yet. Trying again …")
    with page.expect_request(VOTES):
        page.reload()
    assert votes(world) == []
    page.unroute(VOTES)
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert [vote.vote for vote in votes(world)] == [Vote.DOWN]


def test_a_vote_that_cannot_be_stored_is_said_and_can_be_tried_again(world: World, answered: Opener) -> None:
    page = answered()
    page.clock.install()
    page.route(VOTES, lambda route: route.abort())
    page.get_by_role("button", name="Bad answer").click()
    given_up = status(page).filter(has_text="Not stored: The server cannot be reached")
    for _ in range(200):  # an attempt fails when the browser comes to it, and then its pause begins
        if given_up.count():
            break
        page.clock.run_for(16_000)
        page.wait_for_timeout(50)
    sync_api.expect(given_up).to_be_visible()
    assert votes(world) == []
    page.unroute(VOTES)
    page.get_by_role("button", name="Try again").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert len(votes(world)) == 1


def test_voting_works_where_the_browser_keeps_nothing(world: World, answered: Opener) -> None:
    page = answered()
    page.evaluate("void (Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') })")
    page.get_by_role("button", name="Good answer").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert len(votes(world)) == 1


def test_a_vote_that_is_refused_says_why_and_shows_what_stands(world: World, answered: Opener) -> None:
    page = answered()
    page.get_by_role("button", name="Good answer").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    body = '{"error": {"type": "too_many_votes", "message": "200 votes within a day.", "hint": "Come back later."}}'
    page.route(VOTES, lambda route: route.fulfill(status=429, content_type="application/json", body=body))
    page.get_by_role("button", name="Bad answer").click()
    sync_api.expect(status(page)).to_have_text("Not stored: 200 votes within a day. Come back later.")
    sync_api.expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")


def test_the_last_word_wins_when_votes_follow_each_other_quickly(world: World, answered: Opener) -> None:
    page = answered()
    for name in ("Bad answer", "Good answer", "Bad answer", "Good answer"):
        page.get_by_role("button", name=name).click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    sync_api.expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("Object.keys(sessionStorage).length === 0")
    assert votes(world)[0].vote is Vote.UP


def test_voting_works_by_keyboard_alone(world: World, answered: Opener) -> None:
    page = answered()
    page.get_by_role("button", name="Bad answer").focus()
    page.keyboard.press("Enter")
    sync_api.expect(status(page)).to_have_text(THANKS)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # from no reason to one
    page.keyboard.press("Enter")  # in a field it sends nothing, least of all a vote up
    page.keyboard.press("Tab")
    page.keyboard.type("Thirty days.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    with page.expect_response(VOTES):
        page.keyboard.press("Enter")
    sync_api.expect(status(page)).to_have_text(THANKS)
    assert [(vote.vote, vote.correction) for vote in votes(world)] == [(Vote.DOWN, "Thirty days."), (Vote.DOWN, "")]
    assert votes(world)[0].reason is not None


def test_voting_works_without_scripts(world: World, browser: sync_api.Browser) -> None:
    with served(world.app(Typist(0.001))) as address, browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_label("Your question").fill(QUESTION)
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_role("radio", name="This source fits").check()
        page.get_by_role("button", name="Bad answer").click()
        sync_api.expect(status(page)).to_have_text(THANKS)
        page.get_by_label("It is out of date").check()
        page.get_by_label("What would be right?").fill("Twenty.\nNot thirty.")
        with page.expect_navigation():  # to a page that looks the same
            page.get_by_role("button", name="Send").click()
        assert page.get_by_label("It is out of date").is_checked()
    said = votes(world)[0]
    assert (said.reason, said.correction) == (FeedbackReason.OUT_OF_DATE, "Twenty.\nNot thirty.")
    assert said.citations == (CitationVote(1, Vote.UP),)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_form_fits_its_window_and_its_text_has_contrast(
    answered: Opener, tmp_path: Path, scheme: str, width: int
) -> None:
    page = answered(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.get_by_role("button", name="Bad answer").click()
    sync_api.expect(status(page)).to_have_text(THANKS)
    page.get_by_label("It is wrong").check()
    page.get_by_role("radio", name="This source fits").check()
    sync_api.expect(status(page)).to_have_text(THANKS)
    page.screenshot(path=tmp_path / f"vote-{width}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(LOW_CONTRAST) == []
