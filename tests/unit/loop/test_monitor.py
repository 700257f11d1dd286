"""The check of the triggers over real stores: what fires, what does not, and that an outage is an error."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import update

from core.errors import IndexUnavailableError, StoreUnavailableError, TooManyVotesError
from core.loop.diagnosis import Cause
from core.loop.enums import DecisionKind, FeedbackReason, FiringState, Vote
from core.loop.feedback import FeedbackDecision, Firing, SeenComplaints
from core.storage.documents import RunRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.monitor_checks import MonitorCheckRepository
from core.storage.tables import ingestion_runs, interactions
from core.types import Actor, Role
from loop.feedback.votes import Author, FeedbackOrder, FeedbackService
from loop.remedies.registry import open_firings
from loop.triggers.decision import Hold
from loop.triggers.monitor import Monitor
from loop.triggers.rules import TRIGGERS
from serving.releases.service import ReleaseService
from tests.support.app_world import World
from tests.support.loop_rows import some_evidence
from tests.support.monitored_answers import DAY, NOW, answer, answers, vote
from tests.support.recorded_answers import an_answer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path).ingest()
    yield world
    world.services.close()


def fired(world: World, now: datetime = NOW) -> list[str]:
    return [firing.trigger for firing in Monitor(world.services).check(now)]


def held(world: World, name: str) -> Hold | None:
    return next(each.held for each in Monitor(world.services).look(NOW).weighed if each.trigger == name)


def value(world: World, name: str) -> float | None:
    return next(each.value for each in Monitor(world.services).look(NOW).weighed if each.trigger == name)


# ---------------------------------------------------------------- votes


def test_nothing_on_record_fires_nothing_and_the_check_is_on_record(world: World) -> None:
    assert fired(world) == []
    last = MonitorCheckRepository(world.database).last()
    assert last is not None
    assert (last.readings["corpus_gap"].value, last.readings["corpus_gap"].threshold) == (0, 3)
    assert last.readings["drift_questions"].value is None


def test_complaints_of_one_cause_fire_its_trigger_once_and_the_firing_is_open(world: World) -> None:
    given = [vote(world, name, Cause.NOT_INDEXED) for name in ("Anna", "Ben")]
    assert fired(world) == ["not_indexed"]
    assert fired(world) == []
    (stored,) = open_firings(world.database).all()
    assert (stored.remedy, stored.state, stored.proposal) == ("reindex", FiringState.OPEN, None)
    assert set(map(str, stored.evidence.subjects)) == {f"feedback:{each.id}" for each in given}
    assert held(world, "not_indexed") is Hold.BELOW


def test_a_look_stores_nothing_and_tells_how_many_votes_are_not_diagnosed(world: World) -> None:
    for name in ("Anna", "Ben"):
        vote(world, name, Cause.NOT_INDEXED)
    seen = Monitor(world.services).look(NOW)
    assert [each.trigger for each in seen.weighed if each.held is None] == ["not_indexed"]
    assert seen.undiagnosed == 0
    author = Author("Cem", None, None, "api")
    FeedbackService(world.database).give(author, FeedbackOrder(answer(world), Vote.DOWN, FeedbackReason.WRONG))
    assert Monitor(world.services).look(NOW).undiagnosed == 1
    assert open_firings(world.database).all() == []
    assert MonitorCheckRepository(world.database).last() is None


def test_a_check_tells_how_many_votes_it_could_not_diagnose(world: World) -> None:
    author = Author("Cem", None, None, "api")
    FeedbackService(world.database).give(author, FeedbackOrder(answer(world), Vote.DOWN, FeedbackReason.WRONG))
    world.index.drop(world.spec.name)
    assert Monitor(world.services).examine(NOW).undiagnosed == 1


def test_a_vote_that_was_dismissed_or_taken_back_counts_no_more(world: World) -> None:
    dismissed, taken_back = (vote(world, name, Cause.NOT_INDEXED) for name in ("Anna", "Ben"))
    decision = FeedbackDecision(dismissed.id, DecisionKind.DISMISSED, None, "Rita", "A joke.", NOW)
    assert FeedbackRepository(world.database).decide(decision)
    later = replace(taken_back, id=str(uuid.uuid4()), at=NOW, vote=Vote.UP, idempotency_key="up")
    FeedbackRepository(world.database).add(later)
    assert value(world, "not_indexed") == 0


def test_what_a_person_accepted_fires_on_a_server_where_all_have_one_name(world: World) -> None:
    vote(world, "you", Cause.STALE_SOURCE)
    assert fired(world) == []
    vote(world, "you", Cause.STALE_SOURCE, accepted=True)
    assert fired(world) == ["stale_source"]


def test_a_thousand_votes_of_one_user_through_the_service_move_no_trigger(world: World) -> None:
    service = FeedbackService(world.database)
    mallory = Author("Mallory", None, None, "api")
    refused = 0
    for number, answered in enumerate(
        answers(world, 1000, "Is every holiday of employee {0} approved by {0}1 {0}2 {0}3?")
    ):
        order = FeedbackOrder(
            answered, Vote.DOWN, FeedbackReason.WRONG, correction=f"The canteen serves soup on day {number}."
        )
        try:
            service.give(mallory, order)
        except TooManyVotesError:
            refused += 1
    counted = service.counted_lines(NOW - DAY)
    assert refused + len(counted) == 1000
    assert refused >= 800
    checked = Monitor(world.services).examine(datetime.now(UTC))
    assert checked.firings == []
    assert {each.value for each in checked.weighed if each.trigger in Monitor(world.services).rules.causes} == {0.0}
    seen = [each.evidence.seen for each in checked.weighed]
    # They were seen, and weigh nothing.
    assert sum(each.complaints for each in seen if isinstance(each, SeenComplaints)) > 0


@pytest.mark.parametrize("cause", list(Cause))
def test_a_thousand_votes_of_one_user_that_got_past_every_cap_move_no_trigger(world: World, cause: Cause) -> None:
    (given,) = (vote(world, "Mallory", cause),)
    with world.database.transaction() as connection:
        from core.storage.loop.feedback import _stored
        from core.storage.tables import diagnoses, feedback

        copies = [replace(given, id=f"vote-{n}", interaction_id=f"i-{n}", idempotency_key=f"k-{n}") for n in range(999)]
        connection.execute(feedback.insert(), [_stored(copy) for copy in copies])
        (row,) = [dict(row._mapping) for row in connection.execute(diagnoses.select())]
        rows = [row | {"id": f"d-{copy.id}", "subject": f"feedback:{copy.id}"} for copy in copies]
        connection.execute(diagnoses.insert(), rows)
    assert fired(world) == []


# ---------------------------------------------------------------- firings


def release_waiting(world: World, trigger: str = "not_indexed") -> Firing:
    made = ReleaseService(world.services).create(
        Actor("remedies", frozenset({Role.REVIEW})), changes={"retrieval.dense_weight": "0.25"}, reason="A test."
    )
    firing = Firing(
        "f" * 36,
        trigger,
        "reindex",
        NOW - 30 * DAY,
        "Said.",
        some_evidence(),
        FiringState.CANDIDATE,
        NOW,
        None,
        made.id,
    )
    open_firings(world.database).add(firing)
    return firing


def test_a_firing_whose_candidate_was_rejected_is_closed_and_its_trigger_free_again(world: World) -> None:
    firing = release_waiting(world)
    for name in ("Anna", "Ben"):
        vote(world, name, Cause.NOT_INDEXED)
    assert fired(world) == []
    ReleaseService(world.services).reject(
        firing.release_id or "", Actor("Rita", frozenset({Role.REVIEW})), reason="No."
    )
    assert fired(world) == ["not_indexed"]
    closed = open_firings(world.database).get(firing.id)
    assert closed is not None
    assert (closed.state, closed.detail) == (FiringState.CLOSED, "Its candidate was rejected.")


def test_a_remedy_that_was_killed_holds_its_trigger_back_for_hours_not_for_ever(world: World) -> None:
    at = NOW - 10 * DAY
    killed = Firing(
        "f" * 36, "not_indexed", "reindex", at, "Said.", some_evidence(), FiringState.RUNNING, at, detail="Begun."
    )
    open_firings(world.database).add(killed)
    for name in ("Anna", "Ben"):
        vote(world, name, Cause.NOT_INDEXED)
    assert fired(world) == ["not_indexed"]
    failed = open_firings(world.database).get(killed.id)
    assert failed is not None
    assert (failed.state, failed.detail) == (FiringState.FAILED, "It did not end. Begun.")


# ---------------------------------------------------------------- measures


def test_more_refusals_than_before_fire(world: World) -> None:
    answers(world, 60, days=20)
    answers(world, 30, days=1)
    assert value(world, "refusal_rate") == 0
    answers(world, 30, days=1, abstained=True)
    assert value(world, "refusal_rate") == pytest.approx(0.5)
    assert "refusal_rate" in fired(world)


def test_what_chance_explains_holds_a_measure_back(world: World) -> None:
    answers(world, 54, days=20)
    answers(world, 6, days=20, abstained=True)
    answers(world, 22, days=1)
    answers(world, 8, days=1, abstained=True)
    assert value(world, "refusal_rate") == pytest.approx(8 / 30 - 0.1)
    assert held(world, "refusal_rate") is Hold.CHANCE


def test_too_few_answers_are_not_compared(world: World) -> None:
    answers(world, 60, days=20)
    answers(world, 29, days=1, abstained=True)
    assert held(world, "refusal_rate") is Hold.UNMEASURED


def test_one_keys_refused_questions_are_one_voice(world: World) -> None:
    answers(world, 300, days=20)
    answers(world, 300, days=1)
    answers(world, 400, days=1, abstained=True, key="robot")
    assert held(world, "refusal_rate") is Hold.BELOW
    answers(world, 400, days=1, abstained=True)
    assert held(world, "refusal_rate") is None


def test_answers_of_evaluations_are_not_compared(world: World) -> None:
    answers(world, 60, days=20)
    answers(world, 60, days=1, abstained=True, origin="evaluation")
    assert held(world, "refusal_rate") is Hold.UNMEASURED


def test_questions_about_something_new_are_found(world: World) -> None:
    answers(world, 60, "who approves holidays of team {}?", days=20)
    answers(world, 40, "who approves holidays of team {}?", days=1)
    assert held(world, "drift_questions") is Hold.BELOW
    answers(world, 40, "how is the printer on floor {} repaired?", days=1)
    assert held(world, "drift_questions") is None


def scored(world: World, score: float, count: int, days: float, collection: str = "") -> None:
    base = an_answer().retrieval
    retrieval = replace(base, passages=(replace(base.passages[0], scores={"dense": score}),))
    made = answers(world, count, retrieval=retrieval, days=days)
    if collection:
        with world.database.transaction() as connection:
            connection.execute(update(interactions).where(interactions.c.id.in_(made)).values(collection=collection))


def test_scores_that_moved_are_found_within_one_index_only(world: World) -> None:
    scored(world, 0.8, 60, days=20, collection="documents-other")
    scored(world, 0.5, 60, days=1)
    assert held(world, "drift_scores") is Hold.UNMEASURED
    scored(world, 0.8, 60, days=20)
    assert value(world, "drift_scores") == 1
    assert held(world, "drift_scores") is None


def test_slower_and_dearer_answers_are_found(world: World) -> None:
    answers(world, 60, days=20, timings={"total": 1.0}, cost=0.01)
    answers(world, 60, days=1, timings={"total": 4.0}, cost=0.02)
    assert (value(world, "latency_p95"), value(world, "cost_per_answer")) == (4.0, 2.0)
    assert {"latency_p95", "cost_per_answer"} <= set(fired(world))


def test_the_slowest_answers_are_looked_at_even_where_most_became_faster(world: World) -> None:
    answers(world, 100, days=20, timings={"total": 1.0})
    answers(world, 70, days=1, timings={"total": 0.2})
    answers(world, 30, days=1, timings={"total": 3.0})
    assert value(world, "latency_p95") == 3.0
    assert held(world, "latency_p95") is None


def test_a_source_that_was_not_read_for_long_is_found_and_named(world: World) -> None:
    assert held(world, "staleness_days") is Hold.BELOW
    with world.database.transaction() as connection:
        connection.execute(update(ingestion_runs).values(finished_at=NOW - 15 * DAY))
    assert fired(world) == ["staleness_days"]
    (firing,) = open_firings(world.database).all()
    assert firing.evidence.sources == ("handbook",)
    assert "handbook was last read to its end 15.0 days ago" in firing.reason


def test_a_source_of_which_nothing_is_in_the_index_is_never_too_old(world: World) -> None:
    world.documents.save_source("removed", "/somewhere")
    runs = RunRepository(world.database)
    runs.start("an-old-run", "removed", world.spec.name)
    runs.finish("an-old-run", "finished", {})
    with world.database.transaction() as connection:
        old = update(ingestion_runs).where(ingestion_runs.c.id == "an-old-run")
        connection.execute(old.values(finished_at=NOW - 100 * DAY))
    assert held(world, "staleness_days") is Hold.BELOW


# ---------------------------------------------------------------- outages and settings


def test_an_index_that_is_down_is_an_error_and_not_a_check(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    author = Author("Cem", None, None, "api")
    order = FeedbackOrder(answer(world), Vote.DOWN, FeedbackReason.WRONG, correction="The team lead approves holidays.")
    FeedbackService(world.database).give(author, order)

    def down(*_: Any, **__: Any) -> None:
        raise IndexUnavailableError("The index is down.")

    monkeypatch.setattr(world.index, "search", down)
    with pytest.raises(IndexUnavailableError):
        Monitor(world.services).check(NOW)
    assert MonitorCheckRepository(world.database).last() is None


def test_a_database_that_is_down_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor(world.services)

    def down() -> None:
        raise StoreUnavailableError("The database is down.")

    monkeypatch.setattr(world.database, "transaction", down)
    with pytest.raises(StoreUnavailableError):
        monitor.check(NOW)


def test_a_file_of_ones_own_decides(tmp_path: Path) -> None:
    rules = yaml.safe_load(TRIGGERS.read_text())
    rules["causes"]["ranking_miss"]["threshold"] = 1
    rules["measures"] = {}
    path = tmp_path / "my-triggers.yaml"
    path.write_text(yaml.safe_dump(rules))
    world = World(tmp_path / "home", {"triggers_file": path}).ingest()
    vote(world, "you", Cause.RANKING_MISS, accepted=True)
    assert fired(world) == ["ranking_miss"]
    world.services.close()
