"""Citations: whether they point at the evidence, and whether their quotes are true."""

from __future__ import annotations

from evals.metrics.metric import Group, Outcome, Row, Skipped
from evals.metrics.relevance import is_relevant, pieces_found, without_evidence
from evals.metrics.row_metric import RowMetric, share


def citation_metrics() -> list[RowMetric]:
    """Precision, recall and exactness of the citations."""
    return [
        RowMetric("citation_precision", Group.CITATION, "Share of the citations that point at evidence.", _precision),
        RowMetric("citation_recall", Group.CITATION, "Share of the evidence that is cited.", _recall),
        RowMetric(
            "quote_exact",
            Group.CITATION,
            "Share of the citations whose quote stands word for word in the passage it names.",
            _quotes,
        ),
    ]


def _precision(row: Row) -> Outcome:
    hindrance = without_evidence(row)
    if hindrance is not None:
        return hindrance
    cited = row.answer.citations
    if not cited:
        return Skipped("the answer cites nothing")
    right = [citation.marker for citation in cited if is_relevant(citation, row.gold)]
    return share(len(right), len(cited), right=right)


def _recall(row: Row) -> Outcome:
    return without_evidence(row) or share(pieces_found(row.answer.citations, row.gold), len(row.gold))


def _quotes(row: Row) -> Outcome:
    cited = row.answer.citations
    if not cited:
        return Skipped("the answer cites nothing")
    passages = {passage.chunk_id: passage for passage in row.answer.passages}
    wrong = []
    for citation in cited:
        passage = passages.get(citation.chunk_id)
        offset = passage.start if passage else 0
        inside = passage is not None and passage.start <= citation.start < citation.end <= passage.end
        if (
            not inside
            or passage is None
            or passage.text[citation.start - offset : citation.end - offset] != citation.quote
        ):
            wrong.append(citation.marker)
    return share(len(cited) - len(wrong), len(cited), wrong=wrong)
