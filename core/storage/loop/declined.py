"""Questions that people asked and that the system declined to answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.storage.database import Database
from core.storage.loop.answer_samples import PEOPLES_ORIGINS
from core.storage.tables import interactions


@dataclass(frozen=True, slots=True)
class Declined:
    """A question that was declined, a follow-up in full; `document_ids` are those of the passages that were found."""

    interaction_id: str
    at: datetime
    api_key_id: str | None
    question: str
    document_ids: frozenset[str]


class DeclinedRepository:
    """Reads the record of answers; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: datetime, limit: int) -> list[Declined]:
        """The questions that were declined since then, newest first."""
        names = ("id", "at", "api_key_id", "query", "passages")
        query = select(*(interactions.c[name] for name in names)).where(
            interactions.c.at >= moment, interactions.c.abstained, interactions.c.origin.in_(PEOPLES_ORIGINS)
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(interactions.c.at.desc(), interactions.c.id).limit(limit)).all()
        return [
            Declined(key, at, api_key_id, question, frozenset(passage["document_id"] for passage in passages))
            for key, at, api_key_id, question, passages in rows
        ]
