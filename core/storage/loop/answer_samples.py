"""Samples of the record of answers, to compare one stretch of time with another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from core.storage.database import Database
from core.storage.tables import interactions

# Where people and their programs ask; evaluations and probes are left out should one ever be on record.
PEOPLES_ORIGINS = ("page", "api", "cli")
# The best match of a question by meaning is mostly the first passage; fusion may have put it a little lower.
_BEST_AMONG = 3


@dataclass(frozen=True, slots=True)
class SampledAnswer:
    """What is compared of an answer. `score` is the best cosine of its first passages, None where the search by meaning
    found none of them; `seconds` is what the answer took in all."""

    id: str
    at: datetime
    api_key_id: str | None
    collection: str
    query: str
    abstained: bool
    score: float | None
    seconds: float | None
    cost: float | None


class AnswerSampleRepository:
    """Reads the record of answers; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, start: datetime, end: datetime, *, most: int, per_asker: int) -> list[SampledAnswer]:
        """At most so many of the answers from `start` until before `end`, drawn at random but always the same ones, no
        more than `per_asker` of them under one API key. Who asked without a key cannot be told apart.

        Answers' ids are random, so their order is a random order.
        """
        place = func.row_number().over(partition_by=interactions.c.api_key_id, order_by=interactions.c.id)
        asked = (
            select(interactions.c.id, interactions.c.api_key_id, place.label("place"))
            .where(interactions.c.at >= start, interactions.c.at < end, interactions.c.origin.in_(PEOPLES_ORIGINS))
            .subquery()
        )
        drawn = select(asked.c.id).where((asked.c.place <= per_asker) | asked.c.api_key_id.is_(None))
        scores = [interactions.c.passages[(place, "scores", "dense")].as_float() for place in range(_BEST_AMONG)]
        columns = [
            *(interactions.c[name] for name in ("id", "at", "api_key_id", "collection", "query", "abstained", "cost")),
            interactions.c.timings["total"].as_float().label("seconds"),
            *(score.label(f"score_{place}") for place, score in enumerate(scores)),
        ]
        query = select(*columns).where(interactions.c.id.in_(drawn.order_by(asked.c.id).limit(most)))
        with self._database.transaction() as connection:
            return [_answer(row) for row in connection.execute(query.order_by(interactions.c.id))]


def _answer(row: Row[Any]) -> SampledAnswer:
    values = row._asdict()
    scores = [values.pop(f"score_{place}") for place in range(_BEST_AMONG)]
    return SampledAnswer(**values, score=max((score for score in scores if score is not None), default=None))
