"""A metric made of a function of one row: most of the metrics that need no model."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from evals.metrics.metric import Failed, Group, Outcome, Row, Scored

Better = Literal["higher", "lower"]
Unit = Literal["share", "score", "seconds", "tokens", "money"]
# Sums of shares may miss 1 by a rounding error.
_SLACK = 1e-9


@dataclass(slots=True)
class RowMetric:
    """Measures each row by itself with `measure`, off the event loop."""

    name: str
    group: Group
    description: str
    measure: Callable[[Row], Outcome]
    version: str = "1"
    better: Better = "higher"
    unit: Unit = "share"
    across_rows: bool = False

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        return await asyncio.to_thread(self._score, rows)

    def _score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        return [self._attempt(row) for row in rows]

    def _attempt(self, row: Row) -> Outcome:
        """The row's outcome; Failed if measuring raises, so that one row never costs the others their scores."""
        try:
            return checked(self.measure(row), self.unit)
        except Exception as error:  # noqa: BLE001 - nothing is hidden: the row is listed as failed, and blocks the gate
            return Failed(f"could not be measured: {type(error).__name__}: {error}")


def checked(outcome: Outcome, unit: Unit) -> Outcome:
    """The outcome, if its number can be one of this unit: finite, and in [0, 1] for a share; Failed otherwise."""
    if not isinstance(outcome, Scored):
        return outcome
    value = outcome.value
    if not math.isfinite(value):
        return Failed(f"the score is not a number: {value}")
    if unit != "share":
        return outcome
    if not -_SLACK <= value <= 1 + _SLACK:
        return Failed(f"the score {value} is not between 0 and 1")
    return Scored(min(1.0, max(0.0, value)), outcome.detail)


def share(part: int, whole: int, **detail: object) -> Scored:
    """`part` of `whole` as a score whose detail says so. `whole` is above 0."""
    return Scored(part / whole, {"count": part, "of": whole, **detail})
