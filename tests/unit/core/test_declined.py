"""Questions that were declined, as people asked them, with the documents that were looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.loop.declined import Declined, DeclinedRepository
from core.storage.visibility import Provenance
from core.types import document_id
from tests.support.loop_rows import NOON
from tests.support.recorded_answers import an_answer, record_answer

DAY = timedelta(days=1)

record = partial(record_answer, at=NOON)


def test_a_declined_question_comes_with_its_asker_and_documents(database: Database) -> None:
    record(database, 1, abstained=True, key="k")
    record(database, 2)
    assert DeclinedRepository(database).since(NOON, 10) == [
        Declined("i-0001", NOON, "k", "who approves?", Provenance(frozenset({document_id("docs/a.md")})))
    ]


def test_the_newest_come_first_and_no_more_than_asked_for(database: Database) -> None:
    nothing = replace(an_answer().retrieval, passages=())
    for number in range(5):
        record(database, number, abstained=True, retrieval=nothing, at=NOON + timedelta(hours=number))
    record(database, 9, abstained=True, at=NOON - DAY)
    found = DeclinedRepository(database).since(NOON, 3)
    assert [each.interaction_id for each in found] == ["i-0004", "i-0003", "i-0002"]
    assert found[0].origin.documents == frozenset()


def test_evaluations_decline_nothing(database: Database) -> None:
    for number, origin in enumerate(("evaluation", "probe", "page")):
        record(database, number, abstained=True, origin=origin)
    assert [each.interaction_id for each in DeclinedRepository(database).since(NOON, 10)] == ["i-0002"]


def test_what_the_asker_may_see_is_what_their_key_says_and_everything_where_there_is_none(database: Database) -> None:
    key, _ = ApiKeyRepository(database).create("Anna", ("board", "public"), None)
    nothing = replace(an_answer().retrieval, passages=())
    for number, asked_with in enumerate((key.id, None, "a key that is gone")):
        record(database, number, abstained=True, retrieval=nothing, key=asked_with)
    found = DeclinedRepository(database).since(NOON, 10)
    assert {each.api_key_id: each.origin.asker.labels for each in found} == {
        key.id: frozenset({"board", "public"}),
        None: None,
        "a key that is gone": None,
    }
