"""Whichever release is champion answers within two seconds, and requests wait for none of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import NotFoundError, ReleaseUnavailableError, StoreUnavailableError, UnavailableError
from core.release import Release
from core.types import AccessScope
from serving.answerer import Question
from serving.grounding.evidence import statements
from serving.releases import champion as module
from serving.releases.champion import Champion
from serving.releases.service import ReleaseService
from serving.releases.verification import open_release
from tests.support.app_world import World
from tests.support.release_world import BOSS, MAKER, second_collection

SENTENCE = "Holidays: Every employee has thirty days of holiday each year."


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


@pytest.fixture
def service(world: World) -> ReleaseService:
    return ReleaseService(world.services)


@pytest.fixture
def candidate(world: World, service: ReleaseService) -> Release:
    return service.create(MAKER, changes={"collection": second_collection(world)})


@pytest.fixture
def followed(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Champion]:
    """A champion as a server has it, looking every 20 ms so that the tests need not wait."""
    monkeypatch.setattr(module, "POINTER_CHECK_SECONDS", 0.02)
    champion = Champion(world.services)
    champion.follow()
    yield champion
    champion.close()


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.005)
    return is_so()


def answers(champion: Champion) -> str:
    return champion.answerer().release.id


def promote(service: ReleaseService, release: Release) -> None:
    service.promote(release.id, BOSS, reason="a test", override=True)


def test_the_pointer_is_looked_at_often_enough_that_a_flip_is_seen_within_two_seconds() -> None:
    assert module.POINTER_CHECK_SECONDS <= 1
    assert module._OVERDUE_SECONDS <= 1.5


def test_a_server_turns_to_the_new_champion_and_back_on_a_rollback(
    world: World, service: ReleaseService, candidate: Release, followed: Champion
) -> None:
    assert world.release is not None
    assert answers(followed) == world.release.id
    promote(service, candidate)
    assert within(2, lambda: answers(followed) == candidate.id)
    service.rollback(BOSS, reason="a test")
    assert within(2, lambda: answers(followed) == world.release.id)  # type: ignore[union-attr]


async def test_a_server_reads_the_passages_ahead_so_that_a_question_embeds_nothing_but_itself(
    world: World, followed: Champion
) -> None:
    question = "How many days of holiday has every employee each year?"
    collection = followed.answerer().release.manifest.collection.name
    chunks = [stored.chunk for stored, _ in world.services.index.scroll(collection)]
    headed = {
        f"{chunk.heading_path[-1] if chunk.heading_path else chunk.title}: "
        f"{chunk.text[start - chunk.start : end - chunk.start]}"
        for chunk in chunks
        for start, end in statements(chunk, "english")
    }
    assert len(headed) > 1
    assert within(5, lambda: headed <= set(world.embedder.embedded))
    world.embedder.embedded.clear()
    await followed.answerer().ask(Question(question, AccessScope.everything(), "api"))
    assert set(world.embedder.embedded) == {question}


def test_a_new_champion_s_passages_are_read_ahead_too(
    world: World, service: ReleaseService, candidate: Release, followed: Champion
) -> None:
    assert within(5, lambda: SENTENCE in world.embedder.embedded)
    promote(service, candidate)
    assert within(5, lambda: SENTENCE.replace(" each year", "") in world.embedder.embedded)


def test_without_a_follower_a_request_looks_by_itself(
    world: World, service: ReleaseService, candidate: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = Champion(world.services)
    before = answers(champion)
    promote(service, candidate)
    assert answers(champion) == before  # it looked a moment ago
    monkeypatch.setattr(module, "_OVERDUE_SECONDS", 0)
    assert answers(champion) == candidate.id


def test_requests_go_on_with_the_old_champion_while_the_new_one_is_opened(
    service: ReleaseService, candidate: Release, followed: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers(followed)
    opening, go_on = threading.Event(), threading.Event()
    really_open = open_release

    def open_slowly(*arguments: object) -> object:
        opening.set()
        go_on.wait(10)
        return really_open(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "open_release", open_slowly)
    promote(service, candidate)
    assert opening.wait(2)
    monkeypatch.setattr(module, "_OVERDUE_SECONDS", 0)  # even those that would look by themselves do not wait
    started = time.monotonic()
    assert answers(followed) == before
    assert time.monotonic() - started < 0.5
    go_on.set()
    assert within(2, lambda: answers(followed) == candidate.id)


def test_the_champion_before_is_kept_open_so_that_a_rollback_opens_nothing(
    service: ReleaseService, candidate: Release, followed: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = followed.answerer()
    promote(service, candidate)
    assert within(2, lambda: answers(followed) == candidate.id)
    monkeypatch.setattr(module, "open_release", None)
    service.rollback(BOSS, reason="a test")
    assert within(2, lambda: followed.answerer() is first)


def test_a_champion_that_cannot_be_opened_is_an_error_and_not_the_one_before(
    world: World, service: ReleaseService, candidate: Release, followed: Champion, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = followed.answerer()

    def missing(*_: object) -> None:
        raise NotFoundError("The release needs prompt answer version 3.", hint="Update this server.")

    with caplog.at_level(logging.ERROR):
        with monkeypatch.context() as broken:
            broken.setattr(module, "open_release", missing)
            promote(service, candidate)
            assert within(2, lambda: isinstance(failure(followed), ReleaseUnavailableError))
            time.sleep(0.1)
        assert within(2, lambda: failure(followed) is None)
        assert answers(followed) == candidate.id
    assert caplog.text.count("prompt answer version 3") == 1  # loud, but not every second
    service.rollback(BOSS, reason="a test")
    assert within(2, lambda: followed.answerer() is first)


def failure(champion: Champion) -> Exception | None:
    try:
        champion.answerer()
    except UnavailableError as error:
        return error
    return None


def test_an_error_that_many_requests_meet_does_not_grow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = Champion(world.services)
    champion.answerer()
    champion._error = ReleaseUnavailableError("It cannot be opened.")
    for _ in range(50):
        failure(champion)
    depth, traceback = 0, failure(champion).__traceback__  # type: ignore[union-attr]
    while traceback is not None:
        depth, traceback = depth + 1, traceback.tb_next
    assert depth < 5


def test_before_the_first_ingestion_there_is_a_hint_and_afterwards_an_answerer_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    champion = Champion(world.services)
    with pytest.raises(UnavailableError, match="No documents"):
        champion.answerer()
    world.ingest()
    assert champion.answerer().release == world.release


def test_a_database_that_is_down_is_told_and_forgotten_once_it_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = Champion(world.services)
    first = champion.answerer()
    monkeypatch.setattr(module, "_OVERDUE_SECONDS", 0)

    def down(_: object) -> None:
        raise StoreUnavailableError("The database is down.")

    with monkeypatch.context() as broken:
        broken.setattr(module, "current_champion", down)
        with pytest.raises(StoreUnavailableError):
            champion.answerer()
    assert champion.answerer() is first


def test_threads_that_ask_first_share_one_answerer(world: World) -> None:
    champion, found = Champion(world.services), []
    threads = [threading.Thread(target=lambda: found.append(champion.answerer())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(answerer) for answerer in found}) == 1
