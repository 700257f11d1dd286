"""Operation: how long an answer took, how fast its model wrote, and what it cost."""

from __future__ import annotations

from collections.abc import Callable

from core.prices import Prices
from core.types import ModelUse, Usage, digest
from evals.metrics.metric import Failed, Group, Outcome, Row, Scored, Skipped
from evals.metrics.row_metric import Better, RowMetric, Unit


def operation_metrics(prices: Prices | None) -> list[RowMetric]:
    """Latency, tokens, speed and cost. Less is better for all of them but the speed."""
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
        _metric(
            "queue_time",
            "seconds",
            "Seconds that the question waited for its turn at the model.",
            _of_model(lambda use: use.queue_seconds),
        ),
        _metric(
            "tokens_per_second",
            "tokens",
            "Tokens that the model wrote in a second.",
            _of_model(lambda use: use.tokens_per_second or None),
            better="higher",
        ),
        _cost(prices),
    ]


def _metric(
    name: str,
    unit: Unit,
    description: str,
    measure: Callable[[Row], Outcome],
    version: str = "1",
    better: Better = "lower",
) -> RowMetric:
    return RowMetric(name, Group.OPERATION, description, measure, version=version, better=better, unit=unit)


def _timing(name: str) -> Callable[[Row], Outcome]:
    def measure(row: Row) -> Outcome:
        seconds = row.answer.timings.get(name)
        return Failed(f"the answer has no timing {name}") if seconds is None else Scored(seconds)

    return measure


def _first_token(row: Row) -> Outcome:
    if row.answer.abstained:
        return Skipped("nothing was generated")
    return _timing("first_token")(row)


def _of_model(read: Callable[[ModelUse], float | None]) -> Callable[[Row], Outcome]:
    def measure(row: Row) -> Outcome:
        if row.answer.model is None:
            return Skipped("no model wrote it")
        value = read(row.answer.model)
        return Skipped("it came in one piece") if value is None else Scored(value)

    return measure


def _cost(prices: Prices | None) -> RowMetric:
    def measure(row: Row) -> Outcome:
        if prices is None:
            return Skipped("no prices are set")
        if row.answer.model is None:
            return Scored(0.0)  # quoted, or refused before a model was asked
        return Scored(prices.cost(Usage(row.answer.prompt_tokens, row.answer.completion_tokens)))

    version = "2" if prices is None else f"2-{digest([prices.prompt, prices.completion])[:16]}"
    return _metric("cost", "money", "What the model's tokens cost at the prices set.", measure, version)
