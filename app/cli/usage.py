"""`ragloop usage`: what answering came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say
from app.cli.since import moment_of

if TYPE_CHECKING:
    from core.storage.usage import UsageRow


class By(StrEnum):
    """What the sums are split by."""

    RELEASE = "release"
    KEY = "key"
    DAY = "day"


def usage(
    by: Annotated[By | None, typer.Option("--by", help="Split the sums by release, API key, or day (UTC).")] = None,
    since: Annotated[
        str, typer.Option("--since", help="From when on: 7d, 24h or 30m ago, or a date like 2026-11-01 (UTC).")
    ] = "7d",
    as_json: JsonOption = False,
) -> None:
    """Sum up what answering came to: answers, tokens, times and costs.

    Counted are the questions of people and programs; evaluations leave no trace here. Tokens, queue and speed are those
    of the served model. Costs need RAGLOOP_PRICE_PROMPT_TOKENS and RAGLOOP_PRICE_COMPLETION_TOKENS, which count from
    when they were set.
    """
    from core.settings import load_settings
    from core.storage.api_keys import ApiKeyRepository
    from core.storage.database import Database
    from core.storage.usage import UsageRepository

    start = moment_of(since, datetime.now(UTC))
    with Database.open(load_settings()) as database:
        repository = UsageRepository(database)
        total = next(iter(repository.rows("all", start)), None)
        rows = repository.rows(by.value, start) if by else []
        names = {key.id: key.name for key in ApiKeyRepository(database).all()} if by is By.KEY else {}
    if as_json:
        split = [_json(row, names if by is By.KEY else None) for row in rows]
        shown = _json(total) if total else None
        print_json({"since": start.isoformat(), "total": shown, "by": by.value if by else None, "rows": split})
        return
    if total is None:
        note(f"Nothing was asked since {start:%Y-%m-%d %H:%M} UTC.")
        return
    _show([*((_label(row, by, names), row) for row in rows), ("all", total)])


def _json(row: UsageRow, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    content = asdict(row)
    if row.group == "all":
        del content["group"]
    if names is not None:
        content["name"] = names.get(row.group or "")
    return content


def _label(row: UsageRow, by: By | None, names: Mapping[str, str]) -> str:
    if row.group is None:
        return "without a key"
    if by is By.KEY:
        return f"{names.get(row.group, 'unknown')} ({row.group[:8]})"
    return row.group[:12]


def _show(rows: list[tuple[str, UsageRow]]) -> None:
    """A table: one line a group."""
    heads = (
        "",
        "answers",
        "refused",
        "degraded",
        "by model",
        "tokens in",
        "out",
        "first p50",
        "p95",
        "queue p95",
        "tokens/s",
        "cost",
    )
    lines = [heads, *((label, *_cells(row)) for label, row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for label, *cells in lines:
        say(
            "  ".join(
                [label.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
            )
        )


def _cells(row: UsageRow) -> tuple[str, ...]:
    counts = (row.answers, row.abstained, row.degraded, row.by_model, row.prompt_tokens, row.completion_tokens)
    seconds = (row.first_token_p50, row.first_token_p95, row.queue_p95)
    return (
        *(f"{count:,}" for count in counts),
        *("–" if value is None else f"{value:.2f} s" for value in seconds),
        "–" if row.tokens_per_second_p50 is None else f"{row.tokens_per_second_p50:.0f}",
        "–" if row.cost is None else f"{row.cost:,.4f}",
    )
