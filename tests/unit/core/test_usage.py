"""What answering came to: counted, summed and ranked by the database, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.storage.database import Database
from core.storage.usage import GROUPINGS, Grouping, UsageRepository, UsageRow
from core.types import Usage
from tests.support.recorded_answers import USE, record_answer

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def found(database: Database, by: Grouping = "all", since: datetime = LONG_AGO) -> Sequence[UsageRow]:
    return UsageRepository(database).rows(by, since)


def test_nothing_asked_is_no_row(database: Database) -> None:
    assert [found(database, by) for by in GROUPINGS] == [[]] * 4


def test_only_a_models_tokens_count(database: Database) -> None:
    record_answer(database, 1, usage=Usage(700, 70))
    record_answer(database, 2, usage=Usage(200, 20), model=USE, cost=0.25)
    record_answer(database, 3, usage=Usage(100, 10), model=USE, cost=0.5)
    (row,) = found(database)
    assert (row.answers, row.by_model, row.prompt_tokens, row.completion_tokens) == (3, 2, 300, 30)
    assert row.cost == 0.75


def test_refusals_and_degraded_answers_are_counted(database: Database) -> None:
    record_answer(database, 1, abstained=True)
    record_answer(database, 2, degraded=True)
    record_answer(database, 3, degraded=True)
    (row,) = found(database)
    assert (row.answers, row.abstained, row.degraded, row.by_model) == (3, 1, 2, 0)


def test_without_prices_and_models_there_is_no_cost_and_no_speed(database: Database) -> None:
    record_answer(database, 1)
    (row,) = found(database)
    assert (row.cost, row.tokens_per_second_p50, row.queue_p95, row.first_token_p50) == (None, None, None, None)
    assert (row.prompt_tokens, row.completion_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("count", "median", "slow"), [(1, 1, 1), (2, 1, 2), (20, 10, 19), (100, 50, 95), (101, 51, 96)]
)
def test_percentiles_are_values_of_nearest_rank(database: Database, count: int, median: int, slow: int) -> None:
    for number in range(count, 0, -1):
        use = replace(USE, queue_seconds=float(number), tokens_per_second=float(number))
        record_answer(database, number, timings={"total": 1.0, "first_token": float(number)}, model=use)
    record_answer(database, 0)  # one without any of it
    (row,) = found(database)
    assert (row.first_token_p50, row.first_token_p95) == (median, slow)
    assert (row.tokens_per_second_p50, row.queue_p95) == (median, slow)


def test_an_answer_that_came_in_one_piece_has_no_speed(database: Database) -> None:
    for number, speed in enumerate([0.0, 0.0, 30.0]):
        record_answer(database, number, model=replace(USE, tokens_per_second=speed))
    (row,) = found(database)
    assert (row.by_model, row.tokens_per_second_p50) == (3, 30.0)


def test_groups_are_releases_keys_and_days_in_utc(database: Database) -> None:
    late = datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    record_answer(database, 1, key="k1", release="a" * 64, at=late)
    record_answer(database, 2, key="k1", release="b" * 64, at=late)
    record_answer(database, 3, release="b" * 64, at=late.astimezone(UTC) - timedelta(hours=2))
    assert [(row.group, row.answers) for row in found(database, "release")] == [("b" * 64, 2), ("a" * 64, 1)]
    assert [(row.group, row.answers) for row in found(database, "key")] == [("k1", 2), (None, 1)]
    assert [(row.group, row.answers) for row in found(database, "day")] == [("2026-02-28", 1), ("2026-03-01", 2)]


def test_percentiles_are_of_their_group(database: Database) -> None:
    for number, key in enumerate(["k1", "k1", None]):
        record_answer(database, number, key=key, timings={"total": 1.0, "first_token": number + 1.0})
    by_key = {row.group: (row.first_token_p50, row.first_token_p95) for row in found(database, "key")}
    assert by_key == {"k1": (1.0, 2.0), None: (3.0, 3.0)}


def test_what_was_asked_before_is_left_out(database: Database) -> None:
    now = datetime.now(UTC)
    record_answer(database, 1, at=now - timedelta(days=8))
    record_answer(database, 2, at=now - timedelta(days=6))
    assert [row.answers for row in found(database, since=now - timedelta(days=7))] == [1]
