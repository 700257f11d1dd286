"""What there is of the loop is counted by the database, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from core.loop.diagnosis import Cause, DiagnosisSubject
from core.loop.enums import DecisionKind, FeedbackReason, FiringState, Vote, VoteStanding
from core.loop.feedback import FeedbackDecision
from core.storage.database import Database
from core.storage.documents import RunRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.totals import LoopTotalsRepository
from core.storage.tables import erasures
from loop.remedies.registry import open_firings
from tests.support.loop_rows import NOON, a_diagnosis, a_firing, a_vote, an_accepted_case
from tests.support.recorded_answers import record_answer

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

HOUR = timedelta(hours=1)


def test_of_an_empty_installation_everything_is_nothing(database: Database) -> None:
    totals = LoopTotalsRepository(database).totals(LONG_AGO)
    assert not any(getattr(totals, name) for name in totals.__dataclass_fields__)


def test_votes_are_counted_by_what_they_say_and_whether_they_count(database: Database) -> None:
    votes = [
        a_vote(reason=FeedbackReason.WRONG),
        a_vote(reason=FeedbackReason.WRONG),
        a_vote(reason=FeedbackReason.WRONG, standing=VoteStanding.SYNTHETIC),
        a_vote(vote=Vote.UP),
    ]
    feedback = FeedbackRepository(database)
    for vote in votes:
        feedback.add(vote)
    feedback.decide(FeedbackDecision(votes[0].id, DecisionKind.ACCEPTED, an_accepted_case(), "Rita", "", NOON))
    feedback.decide(FeedbackDecision(votes[1].id, DecisionKind.DISMISSED, None, "Rita", "", NOON))

    totals = LoopTotalsRepository(database).totals(LONG_AGO)

    assert totals.votes == {
        ("down", "wrong", "counted"): 2,
        ("down", "wrong", "synthetic"): 1,
        ("up", "", "counted"): 1,
    }
    assert totals.decisions == {("accepted", "case"): 1, ("dismissed", ""): 1}


def test_of_each_subject_only_the_newest_cause_stands(database: Database) -> None:
    diagnoses = DiagnosisRepository(database)
    diagnoses.add(a_diagnosis("1", Cause.WRONG_VOTE, NOON))
    diagnoses.add(a_diagnosis("1", Cause.CORPUS_GAP, NOON + HOUR))
    diagnoses.add(a_diagnosis("2", Cause.CORPUS_GAP))
    diagnoses.add(replace(a_diagnosis("", Cause.RANKING_MISS), subject=DiagnosisSubject.of_case("e", 0, "candidate")))
    loop = LoopTotalsRepository(database)

    assert loop.causes() == {"1": Cause.CORPUS_GAP, "2": Cause.CORPUS_GAP}
    assert loop.totals(LONG_AGO).diagnoses == {("feedback", "corpus_gap"): 2, ("evaluation", "ranking_miss"): 1}


def test_firings_runs_erasures_and_late_answers_are_counted(database: Database) -> None:
    firings = open_firings(database)
    for state in (FiringState.OPEN, FiringState.OPEN, FiringState.CLOSED):
        firings.add(a_firing("ranking", state))
    RunRepository(database).start("run", "handbook", "documents")
    row = {"id": str(uuid.uuid4()), "actor": "Ann", "kind": "document", "subject_sha256": "0" * 64, "receipt": {}}
    with database.transaction() as connection:
        connection.execute(insert(erasures), row | {"at": NOON})
    record_answer(database, 1, abstained=True, at=NOON)
    record_answer(database, 2, at=NOON)
    record_answer(database, 3, at=NOON - 2 * HOUR)
    loop = LoopTotalsRepository(database)

    totals = loop.totals(NOON - HOUR)

    assert totals.firings == {("ranking", "open"): 2, ("ranking", "closed"): 1}
    assert totals.runs == {("handbook", "running"): 1}
    assert totals.erasures == {("document",): 1}
    assert totals.answers == {("true",): 1, ("false",): 1}
    assert (loop.erased(NOON), loop.erased(NOON + HOUR)) == ({"document": 1}, {})
