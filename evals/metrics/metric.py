"""What a metric is. Each answers for one number of one row: it scores it, skips it, or fails with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from evals.cases.answers import AnswerRecord
from evals.cases.cases import Case
from evals.cases.gold_span import GoldSpan


@dataclass(frozen=True, slots=True)
class Row:
    """One case and one release's answer to it. `gold` has one span for each piece of the case's evidence."""

    case: Case
    answer: AnswerRecord
    gold: tuple[GoldSpan, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The row's score. `detail` says what it came from, for the person who opens the row."""

    value: float
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The metric has nothing to say about this row: recall of an unanswerable question, say."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The row should have a score and has none. It blocks the gate; it is never left out of a mean unseen."""

    reason: str


Outcome = Scored | Skipped | Failed


class Group(StrEnum):
    """The report's sections."""

    QUALITY = "quality"
    RETRIEVAL = "retrieval"
    ANSWER = "answer"
    CITATION = "citation"
    JUDGED = "judged"
    SAFETY = "safety"
    CONSISTENCY = "consistency"
    OPERATION = "operation"


class Metric(Protocol):
    """A metric. Reading many rows at once lets it embed them in one batch or ask a judge about several."""

    @property
    def name(self) -> str:
        """snake_case, unique: it names the column of the ledger and the threshold in the gate's file."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same row may get another score; what a judge is and how it is prompted belong to it."""
        ...

    @property
    def group(self) -> Group: ...

    @property
    def better(self) -> Literal["higher", "lower"]: ...

    @property
    def unit(self) -> Literal["share", "score", "seconds", "tokens", "money"]:
        """A share lies in [0, 1]."""
        ...

    @property
    def description(self) -> str:
        """One sentence for the person who reads the report."""
        ...

    @property
    def across_rows(self) -> bool:
        """Whether a row's score depends on other rows; such a metric is computed anew for every evaluation."""
        ...

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        """One outcome for each row, in order. A row it cannot score is Failed, not an exception."""
        ...
