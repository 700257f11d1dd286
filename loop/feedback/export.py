"""Feedback as programs read it: chosen by state, vote and time, one JSON object for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.loop.diagnosis import Diagnosis
from core.loop.enums import Vote
from core.loop.feedback import Feedback, FeedbackDecision
from core.storage.database import Database
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository, vote_json
from loop.feedback.votes import FeedbackService

# Votes whose snapshots are in memory at a time.
_BATCH = 100
# With the name of the shape, so that a reader of the file can tell when it changes.
SCHEMA_VERSION = 1


class FeedbackState(StrEnum):
    """`waiting`: a vote down that counts and nobody decided on. `all`: every vote, repeated and synthetic ones too."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Known:
    """A vote with what was made of it and what was found out about it."""

    feedback: Feedback
    decision: FeedbackDecision | None
    diagnosis: Diagnosis | None


class FeedbackShelf:
    """Votes, newest first, with all that is known of them."""

    def __init__(self, database: Database) -> None:
        self._feedback = FeedbackRepository(database)
        self._service = FeedbackService(database)
        self._diagnoses = DiagnosisRepository(database)

    def ids(
        self, state: FeedbackState = FeedbackState.ALL, vote: Vote | None = None, since: datetime | None = None
    ) -> list[str]:
        """Which votes these are."""
        if state is FeedbackState.WAITING:
            lines = [line for line in self._service.waiting_lines() if since is None or line.at >= since]
        else:
            decided = self._feedback.decided()
            lines = [
                line
                for line in self._feedback.lines(since)
                if state is FeedbackState.ALL or (line.id in decided and decided[line.id].value == state.value)
            ]
        return [line.id for line in lines if vote is None or line.vote is vote]

    def known(self, ids: Sequence[str]) -> Iterator[Known]:
        """These votes, in this order."""
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            diagnoses = self._diagnoses.of_votes(batch)
            decisions = self._feedback.decisions_on(batch)
            for found in self._feedback.get_all(batch):
                yield Known(found, decisions.get(found.id), diagnoses.get(found.id))


def known_json(known: Known) -> dict[str, Any]:
    """All there is to know of one vote: a line of an export."""
    given = known.feedback
    return {
        "schema_version": SCHEMA_VERSION,
        **vote_json(given),
        "author": given.author,
        "origin": given.origin,
        "access": None if given.access is None else list(given.access),
        "release": given.release_id,
        "interaction": given.interaction.model_dump(mode="json"),
        "diagnosis": _diagnosis_json(known.diagnosis),
        "decision": _decision_json(known.decision),
    }


def _diagnosis_json(made: Diagnosis | None) -> dict[str, Any] | None:
    if made is None:
        return None
    return {
        "cause": made.cause.value,
        "certainty": made.certainty,
        "summary": made.summary,
        "evidence": made.evidence.model_dump(mode="json"),
        "version": made.version,
        "at": made.at.isoformat(),
    }


def _decision_json(made: FeedbackDecision | None) -> dict[str, Any] | None:
    if made is None:
        return None
    return {
        "kind": made.kind.value,
        "side": made.side.value if made.side else None,
        "content": made.content.model_dump(mode="json") if made.content else {},
        "actor": made.actor,
        "reason": made.reason,
        "at": made.at.isoformat(),
    }
