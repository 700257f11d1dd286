"""Answers and votes of tests.support.app_world as the triggers count them, put straight on record."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.loop.enums import DecisionKind, FeedbackReason, Vote, VoteStanding
from core.loop.feedback import Feedback, FeedbackDecision
from core.storage.interactions import InteractionRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.snapshots import snapshot_of
from core.storage.tables import interactions
from core.types import Answer
from loop.diagnosis.rules import VERSION
from tests.support.app_world import World
from tests.support.loop_rows import evidence
from tests.support.recorded_answers import an_answer

NOW = datetime.now(UTC)

DAY = timedelta(days=1)


def answer(world: World, **more: Any) -> str:
    """An answer on record, of the champion; returns its id."""
    return answers(world, 1, **more)[0]


def answers(world: World, count: int, query: str = "who approves holidays?", **more: Any) -> list[str]:
    """Several alike, stored at once; `{}` in the query becomes a number."""
    return stored(world, [query.format(number) for number in range(count)], **more)


def stored(
    world: World, queries: list[str], *, days: float = 1, origin: str = "api", key: str | None = None, **changes: Any
) -> list[str]:
    """The ids of answers to these questions, given so many days ago."""
    assert world.release is not None
    retrieval = replace(changes.pop("retrieval", an_answer().retrieval), collection=world.spec.name)
    made = replace(an_answer(), release=world.release.id, retrieval=retrieval, **changes)
    record(world, made, origin, key)
    with world.database.transaction() as connection:
        first = interactions.c.id == made.interaction_id
        (row,) = [dict(row._mapping) for row in connection.execute(select(interactions).where(first))]
        connection.execute(delete(interactions).where(first))
        rows = [
            row | {"id": str(uuid.uuid4()), "at": NOW - days * DAY, "question": query, "query": query}
            for query in queries
        ]
        connection.execute(insert(interactions), rows)
    return [row["id"] for row in rows]


def record(world: World, made: Answer, origin: str, key: str | None) -> None:
    InteractionRepository(world.database).record(
        made,
        question="Why?",
        history=[],
        origin=origin,
        api_key_id=key,
        prompt={"name": "answer", "version": 1, "sha256": "p"},
    )


def vote(
    world: World, author: str, cause: Cause, *, days: float = 1, accepted: bool = False, question: str = "Why?"
) -> Feedback:
    """A vote that counts, diagnosed."""
    asked = InteractionRepository(world.database).get(answer(world, days=days))
    assert asked is not None
    snapshot = snapshot_of(asked).model_copy(update={"question": question})
    given = Feedback(
        str(uuid.uuid4()), NOW - days * DAY, author, None, None, "api", VoteStanding.COUNTED, str(uuid.uuid4()), "b" * 64,
        asked.id, asked.release_id, Vote.DOWN, FeedbackReason.WRONG, "", "", (), snapshot,
    )  # fmt: skip
    FeedbackRepository(world.database).add(given)
    diagnosis = Diagnosis(
        str(uuid.uuid4()), DiagnosisSubject.of_vote(given.id), given.at, asked.release_id, "documents-1", 3, question, cause, 0.9, "",
        evidence(), VERSION,
    )  # fmt: skip
    DiagnosisRepository(world.database).add(diagnosis)
    if accepted:
        decision = FeedbackDecision(given.id, DecisionKind.ACCEPTED, None, "Rita", "", NOW)
        assert FeedbackRepository(world.database).decide(decision)
    return given
