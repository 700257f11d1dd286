"""Samples of the record of answers: fair to everyone who asks, and the same each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from core.storage.database import Database
from core.storage.loop.answer_samples import AnswerSampleRepository, SampledAnswer
from tests.support.loop_rows import NOON
from tests.support.recorded_answers import an_answer, record_answer

DAY = timedelta(days=1)

record = partial(record_answer, at=NOON)


def drawn(database: Database, *, most: int = 100, per_asker: int = 100) -> list[SampledAnswer]:
    return AnswerSampleRepository(database).between(NOON - DAY, NOON + DAY, most=most, per_asker=per_asker)


def test_what_is_compared_of_an_answer_is_there(database: Database) -> None:
    passage = an_answer().retrieval.passages[0]
    found = tuple(replace(passage, scores=scores) for scores in ({"bm25": 3.0}, {"dense": 0.25}, {"dense": 0.75}))
    retrieval = replace(an_answer().retrieval, passages=found)
    record(database, 1, retrieval=retrieval, cost=0.5, timings={"total": 1.5}, key="k")
    assert drawn(database) == [
        SampledAnswer("i-0001", NOON, "k", "documents-1", "who approves?", False, 0.75, 1.5, 0.5)
    ]  # fmt: skip


def test_an_answer_without_passages_has_no_score(database: Database) -> None:
    record(database, 1, retrieval=replace(an_answer().retrieval, passages=()), abstained=True)
    (found,) = drawn(database)
    assert (found.score, found.abstained, found.cost) == (None, True, None)


def test_only_peoples_and_programs_answers_in_the_time_are_drawn(database: Database) -> None:
    for number, origin in enumerate(("page", "api", "cli", "probe", "evaluation")):
        record(database, number, origin=origin)
    record(database, 10, at=NOON - 2 * DAY)
    record(database, 11, at=NOON + DAY)
    record(database, 12, at=NOON - DAY)
    assert [each.id for each in drawn(database)] == ["i-0000", "i-0001", "i-0002", "i-0012"]


def test_one_key_gives_no_more_than_its_share_and_no_key_all(database: Database) -> None:
    for number in range(30):
        record(database, number, key="robot")
    for number in range(30, 33):
        record(database, number, key="Anna")
    for number in range(33, 43):
        record(database, number)
    askers = [each.api_key_id for each in drawn(database, per_asker=5)]
    assert (askers.count("robot"), askers.count("Anna"), askers.count(None)) == (5, 3, 10)


def test_no_more_are_drawn_than_asked_for_and_always_the_same(database: Database) -> None:
    for number in range(20):
        record(database, number)
    assert len(drawn(database, most=7)) == 7
    assert drawn(database, most=7) == drawn(database, most=7)
