"""What answering came to: answers, tokens, times and money, summed up in the database from the record of answers.

    UsageRepository(database).rows("release", since)     # one row for each release; also "key", "day" and "all"

Only people's and programs' questions count: evaluations and probes leave none on that record, and greetings are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Integer, Select, Subquery, case, cast, func, literal, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from core.storage.database import Database
from core.storage.days import utc_day
from core.storage.interactions import ASIDE
from core.storage.tables import interactions

Grouping = Literal["all", "release", "key", "day"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

# From the question to the first words, for every answer; the rest only where a served model wrote.
_MEASURES = {
    "first_token": interactions.c.timings["first_token"].as_float(),
    "queue": interactions.c.model["queue_seconds"].as_float(),
    # 0 is the speed of an answer that came in one piece: none was measured.
    "tokens_per_second": func.nullif(interactions.c.model["tokens_per_second"].as_float(), 0.0),
}
_PERCENTS = (50, 95)


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
    first_token_p50: float | None
    first_token_p95: float | None
    queue_p50: float | None
    queue_p95: float | None
    tokens_per_second_p50: float | None
    tokens_per_second_p95: float | None


class UsageRepository:
    """Sums over the record of answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, by: Grouping, since: datetime) -> list[UsageRow]:
        """One row for each group with answers since then: days in order, else those with the most answers first."""
        with self._database.transaction() as connection:
            rows = [UsageRow(**row._asdict()) for row in connection.execute(_sums(self._group(by), since))]
        return sorted(rows, key=lambda row: row.group or "" if by == "day" else (-row.answers, row.group or ""))

    def _group(self, by: Grouping) -> ColumnElement[Any]:
        match by:
            case "all":
                return literal("all")
            case "release":
                return interactions.c.release_id
            case "key":
                return interactions.c.api_key_id
            case "day":
                return utc_day(self._database, interactions.c.at)


def _sums(group: ColumnElement[Any], since: datetime) -> Select[Any]:
    """One pass over the record: a percentile is the value of nearest rank, which window functions find everywhere."""
    facts = _facts(group, since)
    ranked = select(facts, *(column for name in _MEASURES for column in _ranks(facts, name))).subquery()
    columns = ranked.c
    percentiles = [_percentile(columns, name, percent) for name in _MEASURES for percent in _PERCENTS]
    return select(
        columns.group,
        func.count().label("answers"),
        func.sum(columns.abstained).label("abstained"),
        func.sum(columns.degraded).label("degraded"),
        func.sum(columns.by_model).label("by_model"),
        func.sum(columns.by_model * columns.prompt_tokens).label("prompt_tokens"),
        func.sum(columns.by_model * columns.completion_tokens).label("completion_tokens"),
        func.sum(columns.cost).label("cost"),
        *percentiles,
    ).group_by(columns.group)


def _facts(group: ColumnElement[Any], since: datetime) -> Subquery:
    """What is summed up, for each answer."""
    usage, model = interactions.c.usage, interactions.c.model
    return (
        select(
            group.label("group"),
            cast(interactions.c.abstained, Integer).label("abstained"),
            cast(interactions.c.degraded, Integer).label("degraded"),
            case((model.is_not(None), 1), else_=0).label("by_model"),
            usage["prompt_tokens"].as_integer().label("prompt_tokens"),
            usage["completion_tokens"].as_integer().label("completion_tokens"),
            interactions.c.cost,
            *(value.label(name) for name, value in _MEASURES.items()),
        )
        .where(interactions.c.at >= since, interactions.c.origin != ASIDE)
        .subquery()
    )


def _ranks(facts: Subquery, name: str) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Of each value its rank in its group, and how many there are; answers without one come last and do not count."""
    value = facts.c[name]
    rank = func.row_number().over(partition_by=facts.c.group, order_by=value.nulls_last())
    return rank.label(f"{name}_rank"), func.count(value).over(partition_by=facts.c.group).label(f"{name}_count")


def _percentile(columns: ReadOnlyColumnCollection[str, Any], name: str, percent: int) -> ColumnElement[Any]:
    nearest = (columns[f"{name}_count"] * percent + 99) // 100
    return func.max(case((columns[f"{name}_rank"] == nearest, columns[name]))).label(f"{name}_p{percent}")
