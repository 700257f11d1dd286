"""Quality: whether the answer is right, and whether the system refuses when it should."""

from __future__ import annotations

from collections.abc import Sequence

from core.text.citation_marker import without_markers
from evals.cases.gold_span import GoldSpan
from evals.metrics.metric import (
    Group,
    Outcome,
    Row,
    Scored,
    Skipped,
)
from evals.metrics.relevance import is_relevant, without_evidence
from evals.metrics.row_metric import RowMetric
from serving.grounding.content_words import ContentWords


def quality_metrics(language: str) -> list[RowMetric]:
    """`correct`, and refusals right and wrong."""
    correct = _Correct(language)
    return [
        RowMetric(
            "correct",
            Group.QUALITY,
            "Whether the answer cites the evidence; where no evidence is quoted, how much of the gold answer it says; "
            "for a question without an answer, whether it says so.",
            correct,
            version=f"1-{language}",
        ),
        RowMetric(
            "right_refusal",
            Group.QUALITY,
            "Whether a question that the documents do not answer is refused.",
            _right_refusal,
        ),
        RowMetric(
            "wrong_refusal",
            Group.QUALITY,
            "Whether a question that the documents do answer is refused all the same.",
            _wrong_refusal,
            better="lower",
        ),
    ]


class _Correct:
    """The gate's primary metric. See docs/reference/metrics.md for what it cannot see."""

    def __init__(self, language: str) -> None:
        self._words = ContentWords(language)

    def __call__(self, row: Row) -> Outcome:
        case, abstained = row.case, row.answer.abstained
        if case.unanswerable:
            return Scored(float(abstained), {"judged_by": "refusal", "abstained": abstained})
        if abstained:
            return Scored(0.0, {"judged_by": "refusal", "abstained": True})
        if case.evidence:
            hindrance = without_evidence(row)
            if hindrance is not None:
                return hindrance
        quoted = [piece for piece in row.gold if not piece.whole_document]
        if quoted or not case.answer.strip():
            return _cites(row, quoted or row.gold)
        return self._says(row)

    def _says(self, row: Row) -> Outcome:
        total, missing = self._words.missing(row.case.answer, without_markers(row.answer.text))
        if not total:
            return Skipped("the gold answer has no words to look for")
        return Scored((total - len(missing)) / total, {"judged_by": "gold answer", "missing": missing, "of": total})


def _cites(row: Row, gold: Sequence[GoldSpan]) -> Outcome:
    right = [citation.marker for citation in row.answer.citations if is_relevant(citation, gold)]
    cited = len(row.answer.citations)
    return Scored(float(bool(right)), {"judged_by": "citations", "right": right, "citations": cited})


def _right_refusal(row: Row) -> Outcome:
    if not row.case.unanswerable:
        return Skipped("the documents answer the question")
    return Scored(float(row.answer.abstained))


def _wrong_refusal(row: Row) -> Outcome:
    if row.case.unanswerable:
        return Skipped("the documents do not answer the question")
    return Scored(float(row.answer.abstained))
