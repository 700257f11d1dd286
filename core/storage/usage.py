"""What answering came to: answers, tokens, times and money, summed up in the database from the record of answers.

    UsageRepository(database).rows("release", since)     # one row for each release; also "key", "day" and "all"

Only people's and programs' questions are on that record: evaluations and probes leave none there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Integer, Select, case, cast, func, literal, select

from core.storage.database import Database
from core.storage.tables import interactions

Grouping = Literal["all", "release", "key", "day"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

_WROTE = interactions.c.model.is_not(None)
# From the question to the first words, for every answer; the rest only where a served model wrote.
_MEASURES = {
    "first_token": interactions.c.timings["first_token"].as_float(),
    "queue": interactions.c.model["queue_seconds"].as_float(),
    # 0 is the speed of an answer that came in one piece: none was measured.
    "tokens_per_second": func.nullif(interactions.c.model["tokens_per_second"].as_float(), 0.0),
}


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one group of answers came to.

    `group` is a release's id, an API key's id (None for answers without a key), or a day (YYYY-MM-DD, UTC). Tokens are
    those that a served model read and wrote for the `by_model` answers. Times are in seconds and, like the speed, None
    where nothing was measured; `_p50` is the median, `_p95` what 95 in 100 stay within. `cost` is None where no answer
    was given with prices set.
    """

    group: str | None
    answers: int
    abstained: int
    degraded: int
    by_model: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    first_token_p50: float | None = None
    first_token_p95: float | None = None
    queue_p50: float | None = None
    queue_p95: float | None = None
    tokens_per_second_p50: float | None = None
    tokens_per_second_p95: float | None = None


class UsageRepository:
    """Sums over the record of answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, by: Grouping, since: datetime) -> list[UsageRow]:
        """One row for each group with answers since then: days in order, else those with the most answers first."""
        group = self._group(by)
        found: dict[str | None, dict[str, Any]] = {}
        with self._database.transaction() as connection:
            for row in connection.execute(_sums(group, since)):
                found[row.group] = row._asdict()
            for measure, value in _MEASURES.items():
                for row in connection.execute(_percentiles(group, value, since)):
                    found[row.group] |= {f"{measure}_p50": row.p50, f"{measure}_p95": row.p95}
        rows = [UsageRow(**sums) for sums in found.values()]
        return sorted(rows, key=lambda row: row.group or "" if by == "day" else (-row.answers, row.group or ""))

    def _group(self, by: Grouping) -> ColumnElement[Any]:
        match by:
            case "all":
                return literal("all")
            case "release":
                return interactions.c.release_id
            case "key":
                return interactions.c.api_key_id
            case "day" if self._database.engine.dialect.name == "postgresql":
                return func.to_char(func.timezone("UTC", interactions.c.at), "YYYY-MM-DD")
            case "day":
                return func.date(interactions.c.at)


def _sums(group: ColumnElement[Any], since: datetime) -> Select[Any]:
    usage = interactions.c.usage
    return (
        select(
            group.label("group"),
            func.count().label("answers"),
            func.sum(cast(interactions.c.abstained, Integer)).label("abstained"),
            func.sum(cast(interactions.c.degraded, Integer)).label("degraded"),
            func.count(interactions.c.model).label("by_model"),
            _of_model(usage["prompt_tokens"].as_integer()).label("prompt_tokens"),
            _of_model(usage["completion_tokens"].as_integer()).label("completion_tokens"),
            func.sum(interactions.c.cost).label("cost"),
        )
        .where(interactions.c.at >= since)
        .group_by("group")
    )


def _of_model(tokens: ColumnElement[int]) -> ColumnElement[int]:
    return func.sum(case((_WROTE, tokens), else_=0))


def _percentiles(group: ColumnElement[Any], value: ColumnElement[Any], since: datetime) -> Select[Any]:
    """The value of nearest rank, which every database can find with window functions."""
    ranked = (
        select(
            group.label("group"),
            value.label("value"),
            func.row_number().over(partition_by=group, order_by=value).label("rank"),
            func.count().over(partition_by=group).label("count"),
        )
        .where(interactions.c.at >= since, value.is_not(None))
        .subquery()
    )

    def at(percent: int) -> ColumnElement[Any]:
        return func.max(case((ranked.c.rank == (ranked.c.count * percent + 99) // 100, ranked.c.value)))

    return select(ranked.c.group, at(50).label("p50"), at(95).label("p95")).group_by(ranked.c.group)
