"""Operation: how long an answer took, and what it cost."""

from __future__ import annotations

from collections.abc import Callable

from core.types import Prices, Usage, digest
from evals.metrics.metric import Failed, Group, Outcome, Row, Scored, Skipped
from evals.metrics.row_metric import RowMetric, Unit


def operation_metrics(prices: Prices | None) -> list[RowMetric]:
    """Latency, tokens and cost. Less is better for all of them."""
    return [
        _metric("latency", "seconds", "Seconds from the question to the end of the answer.", _timing("total")),
        _metric("first_token", "seconds", "Seconds from the question to the answer's first words.", _first_token),
        _metric(
            "prompt_tokens",
            "tokens",
            "Tokens that the generator read.",
            lambda row: Scored(float(row.answer.prompt_tokens)),
        ),
        _metric(
            "completion_tokens",
            "tokens",
            "Tokens that the generator wrote.",
            lambda row: Scored(float(row.answer.completion_tokens)),
        ),
        _cost(prices),
    ]


def _metric(
    name: str, unit: Unit, description: str, measure: Callable[[Row], Outcome], version: str = "1"
) -> RowMetric:
    return RowMetric(name, Group.OPERATION, description, measure, version=version, better="lower", unit=unit)


def _timing(name: str) -> Callable[[Row], Outcome]:
    def measure(row: Row) -> Outcome:
        seconds = row.answer.timings.get(name)
        return Failed(f"the answer has no timing {name}") if seconds is None else Scored(seconds)

    return measure


def _first_token(row: Row) -> Outcome:
    if row.answer.abstained:
        return Skipped("nothing was generated")
    return _timing("first_token")(row)


def _cost(prices: Prices | None) -> RowMetric:
    def measure(row: Row) -> Outcome:
        if prices is None:
            return Skipped("no prices are set")
        return Scored(prices.cost(Usage(row.answer.prompt_tokens, row.answer.completion_tokens)))

    version = "1" if prices is None else f"1-{digest([prices.prompt, prices.completion])[:16]}"
    return _metric("cost", "money", "What the generator's tokens cost at the prices set.", measure, version)
