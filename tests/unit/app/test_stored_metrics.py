"""What /metrics shows of the database is right, cheap to scrape, and no reason to fail."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import app.monitoring.stored_metrics
from app.monitoring.exposition import Metrics
from app.monitoring.stored_metrics import Stored, StoredCollector, read_stored
from core.errors import StoreUnavailableError
from core.loop.diagnosis import Cause
from core.loop.enums import DecisionKind, FeedbackReason, FiringState, Vote
from core.loop.feedback import FeedbackDecision
from core.storage.database import Database
from core.storage.documents import RunRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.monitor_checks import MonitorCheckRepository, TriggerReading
from loop.remedies.registry import open_firings
from tests.support.app_world import LOCAL, World
from tests.support.loop_rows import NOON, a_diagnosis, a_firing, a_vote

LOOP = 'ragloop_votes{reason="wrong",standing="counted",vote="down"} 2.0'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


def exposed(collector: StoredCollector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def test_the_loop_the_corpus_and_the_triggers_are_exposed(world: World) -> None:
    votes = [a_vote(reason=FeedbackReason.WRONG), a_vote(reason=FeedbackReason.WRONG), a_vote(vote=Vote.UP)]
    for vote in votes:
        FeedbackRepository(world.database).add(vote)
    decision = FeedbackDecision(votes[0].id, DecisionKind.DISMISSED, None, "Rita", "no question", NOON)
    FeedbackRepository(world.database).decide(decision)
    DiagnosisRepository(world.database).add(a_diagnosis(votes[1].id, Cause.STALE_SOURCE))
    open_firings(world.database).add(a_firing("staleness", FiringState.OPEN))
    readings = {"drift_questions": TriggerReading(0.2, 0.3), "drift_scores": TriggerReading(None, 0.4)}
    MonitorCheckRepository(world.database).add(NOON, readings)

    text = Metrics(database=lambda: world.database).exposition().decode()

    for line in (
        LOOP,
        "ragloop_votes_waiting 1.0",
        'ragloop_vote_decisions{kind="dismissed",side=""} 1.0',
        'ragloop_diagnoses{cause="stale_source",subject="feedback"} 1.0',
        'ragloop_trigger_firings{state="open",trigger="staleness"} 1.0',
        'ragloop_trigger_value{trigger="drift_questions"} 0.2',
        'ragloop_trigger_threshold{trigger="drift_scores"} 0.4',
        "ragloop_triggers_checked_timestamp_seconds 1.7954352e+09",
        'ragloop_documents{source="handbook",state="indexed"} 2.0',
        'ragloop_releases{status="champion"} 1.0',
        'ragloop_ingestion_runs{source="handbook",state="finished"} 1.0',
        "ragloop_stored_metrics_errors_total 0.0",
    ):
        assert line in text.splitlines()
    assert 'ragloop_trigger_value{trigger="drift_scores"}' not in text
    (ingested,) = [line for line in text.splitlines() if line.startswith("ragloop_source_ingested")]
    assert abs(float(ingested.split()[1]) - datetime.now(UTC).timestamp()) < 60


def test_a_source_of_which_nothing_is_left_has_no_age_to_alarm_of(world: World) -> None:
    RunRepository(world.database).start("a-run", "removed", world.spec.name)
    RunRepository(world.database).finish("a-run", "finished", {})
    world.documents.save_source("removed", "/somewhere")
    text = exposed(StoredCollector(lambda: world.database))
    assert 'ragloop_documents{source="removed",state="indexed"} 0.0' in text
    assert 'ragloop_source_ingested_timestamp_seconds{source="removed"}' not in text
    assert 'ragloop_source_ingested_timestamp_seconds{source="handbook"}' in text


def test_while_the_database_is_down_its_series_are_absent_and_an_error_is_counted(world: World) -> None:
    down = True

    def read(database: Database) -> Stored:
        if down:
            raise StoreUnavailableError("The database is down.")
        return read_stored(database)

    collector = StoredCollector(lambda: world.database, read)
    for errors in (1, 2):
        text = exposed(collector)
        assert "ragloop_documents" not in text
        assert f"ragloop_stored_metrics_errors_total {errors}.0" in text
    down = False
    text = exposed(collector)
    assert 'ragloop_documents{source="handbook",state="indexed"} 2.0' in text
    assert "ragloop_stored_metrics_errors_total 2.0" in text


def test_what_a_scrape_cannot_make_sense_of_does_not_stay(world: World) -> None:
    strange = True

    def read(database: Database) -> Stored:
        if strange:
            raise ValueError("A cause that this version does not know.")
        return read_stored(database)

    collector = StoredCollector(lambda: world.database, read)
    with pytest.raises(ValueError, match="this version does not know"):
        exposed(collector)
    strange = False
    assert 'ragloop_documents{source="handbook",state="indexed"} 2.0' in exposed(collector)


def test_a_database_that_hangs_holds_no_scrape_up_and_is_asked_once(world: World) -> None:
    answer = threading.Event()
    asked = 0

    def read(database: Database) -> Stored:
        nonlocal asked
        asked += 1
        answer.wait(30)
        return read_stored(database)

    collector = StoredCollector(lambda: world.database, read, patience=0.05)
    assert "ragloop_documents" not in exposed(collector)
    assert "ragloop_stored_metrics_errors_total 2.0" in exposed(collector)
    answer.set()
    collector._patience = 30
    assert "ragloop_documents" in exposed(collector)
    assert asked == 1


def test_scrapes_within_half_a_minute_read_the_database_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def read(database: Database) -> Stored:
        nonlocal asked
        asked += 1
        return read_stored(database)

    collector = StoredCollector(lambda: world.database, read)
    for _ in range(3):
        exposed(collector)
    assert asked == 1
    monkeypatch.setattr(app.monitoring.stored_metrics, "FRESH_SECONDS", 0.0)
    exposed(collector)
    assert asked == 2


def test_before_the_database_is_open_nothing_is_wrong() -> None:
    text = exposed(StoredCollector(lambda: None))
    assert "ragloop_documents" not in text
    assert "ragloop_stored_metrics_errors_total 0.0" in text


async def test_the_server_scrapes_its_own_database(world: World) -> None:
    for vote in (a_vote(reason=FeedbackReason.WRONG), a_vote(reason=FeedbackReason.WRONG)):
        FeedbackRepository(world.database).add(vote)
    async with world.client() as client:
        response = await client.get(f"{LOCAL}/metrics")
    assert LOOP in response.text.splitlines()
