"""The answer beside the gold answer: string overlap and nearness in meaning.

Citation markers are left out of the answer first. Where the system abstained, the score is 0 with nothing compared:
a refusal says none of the gold answer, whatever words it shares with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from core.text.citation_marker import without_markers
from core.types import Vector
from evals.metrics.meanings import Meanings, cosine
from evals.metrics.metric import Group, Metric, Outcome, Row, Scored, Skipped
from evals.metrics.row_metric import Better, RowMetric, Unit, checked
from evals.metrics.text.words import squad_tokens


def gold_answer_metrics(meanings: Meanings) -> list[Metric]:
    """Exact match, token F1, containment, and embedding similarity."""
    return [
        RowMetric(
            "exact_match", Group.ANSWER, "Whether the answer is the gold answer, by SQuAD's rules.", _exact_match
        ),
        RowMetric("token_f1", Group.ANSWER, "Words shared with the gold answer, as SQuAD's F1.", _token_f1),
        RowMetric(
            "answer_contained",
            Group.ANSWER,
            "Whether the answer contains the gold answer, letter for letter.",
            _contained,
        ),
        AnswerSimilarity(meanings),
    ]


def no_comparison(row: Row) -> Outcome | None:
    """The row's outcome where there is nothing to compare."""
    if not row.case.answer.strip():
        return Skipped("the case has no gold answer")
    if row.answer.abstained:
        return Scored(0.0, {"abstained": True})
    return None


def _exact_match(row: Row) -> Outcome:
    nothing = no_comparison(row)
    if nothing is not None:
        return nothing
    return Scored(float(squad_tokens(row.case.answer) == squad_tokens(without_markers(row.answer.text))))


def _token_f1(row: Row) -> Outcome:
    nothing = no_comparison(row)
    if nothing is not None:
        return nothing
    gold, given = squad_tokens(row.case.answer), squad_tokens(without_markers(row.answer.text))
    if not gold or not given:
        return Scored(float(gold == given))
    shared = sum((Counter(gold) & Counter(given)).values())
    return Scored(2 * shared / (len(gold) + len(given)), {"shared": shared, "gold": len(gold), "answer": len(given)})


def _contained(row: Row) -> Outcome:
    gold, given = compared(row)
    return no_comparison(row) or Scored(float(gold in given))


class AnswerSimilarity:
    """Cosine of the answer's and the gold answer's embeddings, by the embedder that searches."""

    name = "answer_similarity"
    group = Group.ANSWER
    better: Better = "higher"
    unit: Unit = "share"
    description = "Nearness in meaning to the gold answer: cosine of the embeddings."
    across_rows = False

    def __init__(self, meanings: Meanings) -> None:
        self._meanings = meanings
        self.version = f"1-{meanings.fingerprint[:16]}"

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        texts = [text for row in rows if no_comparison(row) is None for text in compared(row)]
        vectors = await self._meanings.of(texts)

        return [no_comparison(row) or _similar(vectors, *compared(row)) for row in rows]


def _similar(vectors: Mapping[str, Vector], gold: str, given: str) -> Outcome:
    return checked(Scored(cosine(vectors[gold], vectors[given])), "share")


def compared(row: Row) -> tuple[str, str]:
    """The gold answer, and the answer without its markers."""
    return row.case.answer, without_markers(row.answer.text)
