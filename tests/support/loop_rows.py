"""Votes, diagnoses and firings for tests to put into a database; each takes what the test is about."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from core.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.feedback import Feedback, Firing, FiringState, Remedy, Vote, VoteStanding

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_vote(**said: Any) -> Feedback:
    """A counted vote down on an answer of its own."""
    key = str(uuid.uuid4())
    plain: dict[str, Any] = {
        "id": key, "at": NOON, "author": "Ann", "api_key_id": None, "access": None, "origin": "page",
        "standing": VoteStanding.COUNTED, "idempotency_key": key, "body_sha256": "", "interaction_id": key,
        "release_id": "r", "vote": Vote.DOWN, "reason": None, "comment": "", "correction": "", "citations": (),
        "interaction": {"question": "Who?", "answer": "Nobody.", "query": "Who?"},
    }  # fmt: skip
    return Feedback(**plain | said)


def a_diagnosis(vote_id: str, cause: Cause, at: datetime = NOON) -> Diagnosis:
    return Diagnosis(
        str(uuid.uuid4()),
        DiagnosisSubject.of_vote(vote_id),
        at,
        "r",
        "documents",
        1,
        "Who?",
        cause,
        0.9,
        "In words.",
        {"rank": 3},
        "1",
    )


def a_firing(trigger: str, state: FiringState = FiringState.OPEN, **said: Any) -> Firing:
    plain: dict[str, Any] = {
        "id": str(uuid.uuid4()), "trigger": trigger, "remedy": Remedy.REINDEX, "at": NOON, "reason": "Too many.",
        "evidence": {}, "state": state, "changed_at": NOON,
    }  # fmt: skip
    return Firing(**plain | said)
