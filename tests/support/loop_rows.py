"""Votes, diagnoses and firings for tests to put into a database; each takes what the test is about."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from core.loop.answer_snapshot import AnswerSnapshot
from core.loop.diagnosis import (
    Cause,
    Diagnosis,
    DiagnosisEvidence,
    DiagnosisSubject,
    EvidenceScores,
    FoundPlace,
    Sought,
)
from core.loop.enums import FiringState, Vote, VoteStanding
from core.loop.feedback import AcceptedCase, Feedback, Firing, FiringEvidence, SeenComplaints

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_snapshot(**said: Any) -> AnswerSnapshot:
    """An answer without passages."""
    plain: dict[str, Any] = {
        "id": "i", "at": NOON, "origin": "page", "release_id": "r", "collection": "documents", "revision": 1,
        "question": "Who?", "history": (), "query": "Who?", "answer": "Nobody.", "abstained": False, "degraded": False,
        "confidence": 0.9, "prompt": {"name": "answer", "version": 1, "sha256": "p", "used": False}, "passages": (),
        "citations": (), "usage": {"prompt_tokens": 20, "completion_tokens": 6}, "timings": {"total": 0.1},
        "model": None, "cost": None,
    }  # fmt: skip
    return AnswerSnapshot.model_validate(plain | said)


def a_vote(**said: Any) -> Feedback:
    """A counted vote down on an answer of its own."""
    key = str(uuid.uuid4())
    plain: dict[str, Any] = {
        "id": key, "at": NOON, "author": "Ann", "api_key_id": None, "access": None, "origin": "page",
        "standing": VoteStanding.COUNTED, "idempotency_key": key, "body_sha256": "", "interaction_id": key,
        "release_id": "r", "vote": Vote.DOWN, "reason": None, "comment": "", "correction": "", "citations": (),
        "interaction": a_snapshot(id=key),
    }  # fmt: skip
    return Feedback(**plain | said)


def a_place(uri: str, quote: str, start: int = 0) -> FoundPlace:
    """Where a diagnosis found the right answer."""
    return FoundPlace(uri=uri, start=start, end=start + len(quote), quote=quote, score=0.9, fresh=False)


def evidence(*places: FoundPlace, **found: Any) -> DiagnosisEvidence:
    """What a diagnosis found that found these places, and nothing else of note."""
    plain: dict[str, Any] = {
        "correction": "", "sought": Sought.CORRECTION, "documents": tuple(dict.fromkeys(each.uri for each in places)),
        "passages": places, "rank": None, "rank_in_context": None, "handed": 2, "said": 0.1,
        "answer_with_right_passage": None, "says_it_with_right_passage": None, "source_uri": None,
        "source_state": None, "judged": None, "otherwise": None, "unread_sources": (),
        "scores": EvidenceScores(chunks=0.9, documents=0.9, hidden=0.0, source=None),
    }  # fmt: skip
    return DiagnosisEvidence.model_validate(plain | found)


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
        evidence(rank=3),
        "1",
    )


def an_accepted_case(**said: Any) -> AcceptedCase:
    """A locked case that a person made of feedback."""
    plain: dict[str, Any] = {
        "id": "feedback-1", "question": "Who?", "history": (), "answer": "The lead.", "evidence": (), "tags": ("wrong",),
        "unanswerable": False, "group": "", "origin": "feedback", "locked": True,
    }  # fmt: skip
    return AcceptedCase.model_validate(plain | said)


def some_evidence(*subjects: DiagnosisSubject | str) -> FiringEvidence:
    """Evidence of complaints with these subjects."""
    many = len(subjects)
    seen = SeenComplaints(complaints=many, accepted=0, authors=many, subjects=tuple(map(str, subjects)))
    return FiringEvidence(value=many, threshold=1, since=NOON, seen=seen)


def a_firing(trigger: str, state: FiringState = FiringState.OPEN, **said: Any) -> Firing:
    plain: dict[str, Any] = {
        "id": str(uuid.uuid4()), "trigger": trigger, "remedy": "reindex", "at": NOON, "reason": "Too many.",
        "evidence": some_evidence(), "state": state, "changed_at": NOON,
    }  # fmt: skip
    return Firing(**plain | said)
