"""`ragloop usage`: what answering came to, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.settings import load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from tests.support.command import run, run_json
from tests.support.recorded_answers import USE, record_answer


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database.open(load_settings())
    yield database
    database.close()


def test_nothing_asked_is_said_so(capsys: pytest.CaptureFixture[str], database: Database) -> None:
    code, out, err = run(capsys, "usage")
    assert (code, out) == (0, "")
    assert "Nothing was asked since" in err
    _, shown = run_json(capsys, "usage", "--by", "key")
    assert (shown["total"], shown["by"], shown["rows"]) == (None, "key", [])


def test_answers_are_summed_up_by_release_key_and_day(capsys: pytest.CaptureFixture[str], database: Database) -> None:
    key, _ = ApiKeyRepository(database).create("support", ("public",), None)
    timings = {"total": 1.0, "first_token": 0.25}
    record_answer(database, 1, key=key.id, model=USE, cost=0.125, timings=timings)
    record_answer(database, 2, degraded=True, timings=timings)
    code, shown = run_json(capsys, "usage", "--by", "key")
    assert code == 0
    assert shown["total"] | {"queue_p50": 0, "queue_p95": 0} == {
        "answers": 2, "abstained": 0, "degraded": 1, "by_model": 1, "prompt_tokens": 20, "completion_tokens": 6,
        "cost": 0.125, "first_token_p50": 0.25, "first_token_p95": 0.25, "queue_p50": 0, "queue_p95": 0,
        "tokens_per_second_p50": 40.0, "tokens_per_second_p95": 40.0,
    }  # fmt: skip
    named = {row["name"]: (row["group"], row["answers"], row["cost"]) for row in shown["rows"]}
    assert named == {"support": (key.id, 1, 0.125), None: (None, 1, None)}
    _, by_release = run_json(capsys, "usage", "--by", "release")
    assert [(row["group"], row["answers"]) for row in by_release["rows"]] == [("r" * 64, 2)]
    _, by_day = run_json(capsys, "usage", "--by", "day")
    assert [row["answers"] for row in by_day["rows"]] == [2]


def test_people_read_a_table(capsys: pytest.CaptureFixture[str], database: Database) -> None:
    key, _ = ApiKeyRepository(database).create("support", ("public",), None)
    record_answer(database, 1, key=key.id, model=USE, cost=0.125, timings={"total": 1.0, "first_token": 0.25})
    record_answer(database, 2)
    _, out, _ = run(capsys, "usage", "--by", "key")
    heads, *rows = out.splitlines()
    assert heads.split()[:3] == ["answers", "refused", "degraded"]
    assert {row[:9].strip() for row in rows} == {"support (", "without a", "all"}
    assert "0.25 s" in rows[-1]
    assert rows[-1].endswith("0.1250")
    assert len({len(line) for line in out.splitlines()}) == 1, "the columns stand under each other"


@pytest.mark.parametrize("since", ["1d", "24h", "30m", f"{datetime.now(UTC):%Y-%m-%d}"])
def test_only_what_was_asked_since_then_counts(
    capsys: pytest.CaptureFixture[str], database: Database, since: str
) -> None:
    record_answer(database, 1)
    record_answer(database, 2, at=datetime.now(UTC) - timedelta(days=3))
    _, shown = run_json(capsys, "usage", "--since", since)
    assert shown["total"]["answers"] == 1


@pytest.mark.parametrize("since", ["", "7", "7w", "-7d", "999999d", "2026-13-01", "yesterday", "7d7d", "x" * 500])
def test_a_time_that_is_none_is_refused_with_an_example(
    capsys: pytest.CaptureFixture[str], database: Database, since: str
) -> None:
    code, out, err = run(capsys, "usage", f"--since={since}")
    assert (code, out) == (2, "")
    assert "For example --since 30d." in err
