"""A draft is decided once, by whoever comes first, and accepted drafts are in exactly one new version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from core.storage.database import Database
from core.storage.evals.case_drafts import CaseDraftRepository, Decided
from core.storage.evals.datasets import DatasetRepository, StoredCase
from core.types import digest


def content(number: int) -> dict[str, object]:
    return {"question": f"What is {number}?"}


def case(number: int) -> StoredCase:
    return StoredCase(digest(content(number)), content(number))


def test_drafts_wait_in_the_order_they_were_made(database: Database) -> None:
    drafts = CaseDraftRepository(database)
    ids = drafts.add("mine", [content(number) for number in range(30)], "a program")
    assert [draft.id for draft in drafts.waiting("mine")] == ids
    assert [draft.content for draft in drafts.waiting("mine", limit=2)] == [content(0), content(1)]
    assert drafts.counts() == {"mine": 30}
    assert drafts.waiting("other") == []


def test_a_draft_of_another_dataset_cannot_be_decided_here(database: Database) -> None:
    drafts = CaseDraftRepository(database)
    (key,) = drafts.add("mine", [content(1)], "a program")
    decided = drafts.decide("other", {key: case(1)}, [], by="ann", reason="")
    assert (decided.accepted, decided.missed, decided.version) == ((), (key,), None)
    assert drafts.counts() == {"mine": 1}


def test_of_many_who_decide_the_same_draft_at_once_one_does(database: Database) -> None:
    drafts = CaseDraftRepository(database)
    (key,) = drafts.add("mine", [content(1)], "a program")

    def decide(number: int) -> Decided:
        if number % 2:
            return drafts.decide("mine", {}, [key], by=f"reviewer {number}", reason="")
        return drafts.decide("mine", {key: case(1)}, [], by=f"reviewer {number}", reason="")

    with ThreadPoolExecutor(6) as threads:
        decisions = list(threads.map(decide, range(6)))
    assert sum(bool(decided.accepted or decided.discarded) for decided in decisions) == 1
    assert sum(bool(decided.missed) for decided in decisions) == 5
    versions = DatasetRepository(database).versions("mine")
    assert len(versions) == sum(bool(decided.accepted) for decided in decisions)


def test_those_who_accept_different_drafts_at_once_lose_none(database: Database) -> None:
    drafts = CaseDraftRepository(database)
    ids = drafts.add("mine", [content(number) for number in range(6)], "a program")

    def accept(number: int) -> Decided:
        return drafts.decide("mine", {ids[number]: case(number)}, [], by="ann", reason="")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(accept, range(6)))
    versions = DatasetRepository(database).versions("mine")
    assert [version.version for version in versions] == [1, 2, 3, 4, 5, 6]
    assert set(versions[-1].cases) == {case(number).sha256 for number in range(6)}
