"""A metric that reads its score out of the answer, and columns of scores, for tests of the runner and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from evals.gate.gate import Column
from evals.metrics.metric import Failed, Group, Outcome, Row, Scored, Skipped


@dataclass
class TellingMetric:
    """Scores 1 where the answer holds `word`, skips where it is empty, and fails where it says to."""

    name: str = "correct"
    word: str = "right"
    version: str = "1"
    group: Group = Group.QUALITY
    better: Literal["higher", "lower"] = "higher"
    unit: Literal["share", "score", "seconds", "tokens", "money"] = "share"
    description: str = "Whether the answer holds a word."
    across_rows: bool = False
    scored: list[str] = field(default_factory=list)

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        self.scored += [row.case.id for row in rows]
        return [self._one(row) for row in rows]

    def _one(self, row: Row) -> Outcome:
        text = row.answer.text
        if "fail" in text:
            return Failed("the answer says so")
        if not text:
            return Skipped("there is no answer")
        return Scored(float("nan") if "nan" in text else float(self.word in text))


def column(
    candidate: Sequence[float | None], baseline: Sequence[float | None] = (), failed: int = 0, **metric: object
) -> Column:
    return Column(TellingMetric(**metric), candidate, baseline, failed)  # type: ignore[arg-type]
