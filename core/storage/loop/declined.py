"""Questions that people asked and that the system declined to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.storage.database import Database
from core.storage.loop.answer_samples import PEOPLES_ORIGINS
from core.storage.tables import api_keys, interactions
from core.storage.visibility import Provenance
from core.types import AccessScope


@dataclass(frozen=True, slots=True)
class Declined:
    """A question that was declined, a follow-up in full. `origin` has the documents of the passages that were found,
    and what the key that asked may see."""

    interaction_id: str
    at: datetime
    api_key_id: str | None
    question: str
    origin: Provenance


class DeclinedRepository:
    """Reads the record of answers; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: datetime, limit: int) -> list[Declined]:
        """The questions that were declined since then, newest first."""
        columns = [interactions.c[name] for name in ("id", "at", "api_key_id", "query", "passages")]
        query = select(*columns, api_keys.c.access).where(
            interactions.c.at >= moment, interactions.c.abstained, interactions.c.origin.in_(PEOPLES_ORIGINS)
        )
        query = query.outerjoin_from(interactions, api_keys, interactions.c.api_key_id == api_keys.c.id)
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(interactions.c.at.desc(), interactions.c.id).limit(limit)).all()
        return [Declined(row.id, row.at, row.api_key_id, row.query, _origin(row.passages, row.access)) for row in rows]


def _origin(passages: Sequence[Mapping[str, Any]], access: Sequence[str] | None) -> Provenance:
    """Who asked without a key, or with one that is not on record, may have seen everything."""
    return Provenance(frozenset(passage["document_id"] for passage in passages), AccessScope.recorded(access))
