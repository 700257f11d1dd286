"""A row for the judged metrics, of which a judge finds half supported."""

from __future__ import annotations

from evals.metrics.metric import Row
from tests.support.metric_rows import answer, passage, row

TEA = passage(1, text="Tea is free for everyone, coffee is not.")

TRAVEL = passage(2, text="The team lead approves travel requests.")

GOLD = "Tea is free for everyone. Coffee costs extra."


def measured(text: str = "Tea is free for everyone. [1] Dragons guard Barcelona.", **changes: object) -> Row:
    return row(answer(text, passages=[TRAVEL, TEA]), gold_answer=GOLD, question="Is tea free", **changes)
