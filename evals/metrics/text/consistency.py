"""Consistency: whether the same question with names or dialect changed gets the same answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from core.text.citation_marker import without_markers
from core.types import Vector
from evals.cases.answers import AnswerRecord, RecordedCitation
from evals.metrics.meanings import Meanings, cosine
from evals.metrics.metric import Group, Outcome, Row, Scored, Skipped
from evals.metrics.row_metric import Better, Unit, checked


class Consistency:
    """How far a row's answer agrees with those to the other cases of its group, on average.

    Two answers agree by the mean of the cosine of their embeddings and of the share of their citations that overlap
    one of the other's (Dice); by the cosine alone if neither cites anything; fully if both are refusals, and not at all
    if only one is.
    """

    name = "consistency"
    group = Group.CONSISTENCY
    better: Better = "higher"
    unit: Unit = "share"
    description = "How far the answers to the same question in other words agree: in meaning, and in what they cite."
    across_rows = True

    def __init__(self, meanings: Meanings) -> None:
        self._meanings = meanings
        self.version = f"1-{meanings.fingerprint[:16]}"

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row.case.group:
                groups[row.case.group].append(row)
        texts = [_text(row) for members in groups.values() if len(members) > 1 for row in members]
        vectors = await self._meanings.of(texts)
        return [_outcome(row, groups.get(row.case.group, []), vectors) for row in rows]


def _outcome(row: Row, members: Sequence[Row], vectors: Mapping[str, Vector]) -> Outcome:
    if not row.case.group:
        return Skipped("the case belongs to no group")
    others = [other for other in members if other is not row]
    if not others:
        return Skipped("no other case of the group was asked")
    agreements = {other.case.id: _agreement(row, other, vectors) for other in others}
    return checked(Scored(sum(agreements.values()) / len(agreements), {"with": agreements}), "share")


def _agreement(left: Row, right: Row, vectors: Mapping[str, Vector]) -> float:
    if left.answer.abstained or right.answer.abstained:
        return float(left.answer.abstained == right.answer.abstained)
    meaning = cosine(vectors[_text(left)], vectors[_text(right)])
    if not left.answer.citations and not right.answer.citations:
        return meaning
    return (meaning + _shared_citations(left.answer, right.answer)) / 2


def _shared_citations(left: AnswerRecord, right: AnswerRecord) -> float:
    shared = sum(_is_among(citation, right.citations) for citation in left.citations)
    shared += sum(_is_among(citation, left.citations) for citation in right.citations)
    return shared / (len(left.citations) + len(right.citations))


def _is_among(citation: RecordedCitation, others: Sequence[RecordedCitation]) -> bool:
    return any(
        other.uri == citation.uri and other.start < citation.end and citation.start < other.end for other in others
    )


def _text(row: Row) -> str:
    return without_markers(row.answer.text)
