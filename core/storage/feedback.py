"""Votes and what people made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from core.feedback import (
    CitationVote,
    Decision,
    DecisionKind,
    Feedback,
    FeedbackReason,
    Side,
    Standing,
    Vote,
)
from core.storage.database import Database
from core.storage.tables import feedback, feedback_decisions


class FeedbackRepository:
    """Votes, append-only; newest first where they are listed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, given: Feedback) -> None:
        """Store a vote. When this returns it is on disk. Raises IntegrityError if the author has used its idempotency
        key."""
        with self._database.transaction() as connection:
            connection.execute(insert(feedback), _stored(given))

    def get(self, feedback_id: str) -> Feedback | None:
        with self._database.transaction() as connection:
            row = connection.execute(select(feedback).where(feedback.c.id == feedback_id)).first()
        return _feedback(row) if row else None

    def by_key(self, author: str, idempotency_key: str) -> Feedback | None:
        """The vote that the author sent with this key."""
        query = select(feedback).where(feedback.c.author == author, feedback.c.idempotency_key == idempotency_key)
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return _feedback(row) if row else None

    def count_of(self, author: str, since: datetime) -> int:
        """How many votes the author gave since then, whatever their standing."""
        query = select(func.count()).where(feedback.c.author == author, feedback.c.at >= since)
        with self._database.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def since(self, moment: datetime | None = None, limit: int | None = None) -> list[Feedback]:
        """All votes since then, newest first."""
        query = select(feedback).order_by(feedback.c.at.desc(), feedback.c.id)
        if moment is not None:
            query = query.where(feedback.c.at >= moment)
        with self._database.transaction() as connection:
            return [_feedback(row) for row in connection.execute(query.limit(limit))]

    def decide(self, decision: Decision) -> bool:
        """Put a person's decision on record; False if somebody had decided before."""
        with self._database.transaction() as connection:
            return record_decision(connection, decision)

    def decision(self, feedback_id: str) -> Decision | None:
        query = select(feedback_decisions).where(feedback_decisions.c.feedback_id == feedback_id)
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return _decision(row) if row else None

    def decisions(self) -> dict[str, Decision]:
        """Every decision, by the feedback's id, in the order they were made."""
        query = select(feedback_decisions).order_by(feedback_decisions.c.at, feedback_decisions.c.feedback_id)
        with self._database.transaction() as connection:
            return {row.feedback_id: _decision(row) for row in connection.execute(query)}


def standing_votes(votes: Sequence[Feedback]) -> list[Feedback]:
    """Of votes listed newest first, each author's last word on each answer."""
    last: dict[tuple[str, str], Feedback] = {}
    for vote in votes:
        last.setdefault((vote.author, vote.interaction_id), vote)
    return list(last.values())


def record_decision(connection: Connection, decision: Decision) -> bool:
    """As FeedbackRepository.decide, within a transaction."""
    query = select(feedback_decisions.c.feedback_id).where(feedback_decisions.c.feedback_id == decision.feedback_id)
    if connection.execute(query).first() is not None:
        return False
    row = asdict(decision) | {"content": dict(decision.content)}
    connection.execute(insert(feedback_decisions), row)
    return True


def _stored(given: Feedback) -> dict[str, Any]:
    return asdict(given) | {
        "access": None if given.access is None else list(given.access),
        "citations": [{"marker": each.marker, "vote": each.vote.value} for each in given.citations],
        "interaction": dict(given.interaction),
    }


def _feedback(row: Row[Any]) -> Feedback:
    values = row._asdict()
    return Feedback(
        **values
        | {
            "standing": Standing(values["standing"]),
            "vote": Vote(values["vote"]),
            "reason": FeedbackReason(values["reason"]) if values["reason"] else None,
            "citations": tuple(CitationVote(each["marker"], Vote(each["vote"])) for each in values["citations"]),
        }
    )


def _decision(row: Row[Any]) -> Decision:
    values = row._asdict()
    side = Side(values["side"]) if values["side"] else None
    return Decision(**values | {"kind": DecisionKind(values["kind"]), "side": side})
