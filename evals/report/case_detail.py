"""One case of one evaluation with everything that is known of it: both answers, every score, the gold evidence.

Read out of the row ledger, so it is what was scored, however the documents changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.storage.evals.evaluations import (
    AnswerEntry,
    EvaluationLedger,
    EvaluationRecord,
    EvaluationRepository,
    RowEntry,
    ScoreEntry,
)
from core.types import document_id
from evals.cases.answers import AnswerRecord, RecordedPassage
from evals.cases.cases import Case
from evals.cases.gold_span import GoldSpan
from evals.gate.comparison import Side

# Cases read at a time: an answer with its passages takes tens of kilobytes.
_BATCH = 50


class Cases(Protocol):
    """Whoever keeps the cases by their hash: evals.cases.dataset_store.DatasetStore."""

    def cases(self, sha256s: Sequence[str]) -> Mapping[str, Case]: ...


@dataclass(frozen=True, slots=True)
class MetricOutcome:
    """What one metric made of one answer: `state` is scored, skipped or failed."""

    metric: str
    state: str
    score: float | None
    reason: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SideDetail:
    """One release's answer, or the `reason` that there is none. `outcomes` are in order of the metrics' names."""

    release_id: str
    answer: AnswerRecord | None
    reason: str
    outcomes: tuple[MetricOutcome, ...]

    def outcome(self, metric: str) -> MetricOutcome | None:
        return next((outcome for outcome in self.outcomes if outcome.metric == metric), None)


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """A case and both answers to it; `baseline` is None where the evaluation had none. `gold` has a span for each
    piece of evidence whose quote the document still holds."""

    ordinal: int
    case: Case
    candidate: SideDetail
    baseline: SideDetail | None
    gold: tuple[GoldSpan, ...]

    @property
    def sides(self) -> tuple[tuple[Side, SideDetail], ...]:
        """The sides there are, the baseline first: what is live stands before what may replace it."""
        baseline = ((Side.BASELINE, self.baseline),) if self.baseline else ()
        return (*baseline, (Side.CANDIDATE, self.candidate))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that have an outcome on either side."""
        return tuple(sorted({outcome.metric for _, side in self.sides for outcome in side.outcomes}))

    def is_gold(self, passage: RecordedPassage) -> bool:
        """Whether the passage holds a part of the gold evidence."""
        whole = any(gold.whole_document and gold.uri == passage.uri for gold in self.gold)
        return whole or bool(self.gold_in(passage))

    def gold_in(self, passage: RecordedPassage) -> list[tuple[int, int]]:
        """Where gold quotes stand in the passage's own text. The document may have changed since the passage was
        retrieved, so a place counts only if it reads as the evidence does."""
        quotes = [" ".join(evidence.quote.split()) for evidence in self.case.evidence if evidence.uri == passage.uri]
        found = []
        for gold in self.gold:
            if not gold.whole_document and gold.overlaps(passage.uri, passage.start, passage.end):
                start, end = max(gold.start, passage.start) - passage.start, min(gold.end, passage.end) - passage.start
                words = " ".join(passage.text[start:end].split())
                if any(words in quote for quote in quotes):
                    found.append((start, end))
        return found


class CaseDetails:
    """The cases of one evaluation, by their place in the dataset."""

    def __init__(self, database: Database, cases: Cases, record: EvaluationRecord) -> None:
        self._ledger = EvaluationLedger(database)
        self._documents = DocumentRepository(database)
        self._cases = cases
        self._record = record
        self._texts: dict[str, str | None] = {}
        self._rows: dict[int, dict[str, RowEntry]] = {}
        for row in EvaluationRepository(database).rows(record.id):
            self._rows.setdefault(row.ordinal, {})[row.side] = row

    @property
    def ordinals(self) -> list[int]:
        return sorted(self._rows)

    def get(self, ordinal: int) -> CaseDetail | None:
        """The case, or None if the evaluation has none at this place."""
        return next(self.each([ordinal]), None)

    def each(self, ordinals: Iterable[int]) -> Iterator[CaseDetail]:
        """The cases at these places, in this order, read in batches so that memory stays flat."""
        wanted = [ordinal for ordinal in ordinals if ordinal in self._rows]
        for start in range(0, len(wanted), _BATCH):
            yield from self._batch(wanted[start : start + _BATCH])

    def _batch(self, ordinals: Sequence[int]) -> Iterator[CaseDetail]:
        self._texts.clear()
        rows = [row for ordinal in ordinals for row in self._rows[ordinal].values()]
        answers = self._ledger.answers([row.answer_id for row in rows])
        scores: dict[str, list[ScoreEntry]] = {}
        for score in self._ledger.scores([row.answer_id for row in rows]):
            scores.setdefault(score.answer_id, []).append(score)
        cases = self._cases.cases([row.case_sha256 for row in rows])
        for ordinal in ordinals:
            sides = self._rows[ordinal]
            case = cases.get(next(iter(sides.values())).case_sha256)
            if case is not None:
                yield self._detail(ordinal, case, sides, answers, scores)

    def _detail(
        self,
        ordinal: int,
        case: Case,
        sides: Mapping[str, RowEntry],
        answers: Mapping[str, AnswerEntry],
        scores: Mapping[str, list[ScoreEntry]],
    ) -> CaseDetail:
        def side(name: Side, release_id: str) -> SideDetail:
            row = sides.get(name)
            entry = answers.get(row.answer_id) if row else None
            answer = AnswerRecord.model_validate(entry.answer) if entry and entry.answer else None
            reason = "" if answer else (entry.reason if entry else "The evaluation did not come to ask this.")
            outcomes = self._outcomes(scores.get(row.answer_id, []) if row else [])
            return SideDetail(release_id, answer, reason, outcomes)

        baseline = self._record.baseline_id
        return CaseDetail(
            ordinal=ordinal,
            case=case,
            candidate=side(Side.CANDIDATE, self._record.release_id),
            baseline=side(Side.BASELINE, baseline) if baseline else None,
            gold=tuple(self._gold(case)),
        )

    def _outcomes(self, entries: Sequence[ScoreEntry]) -> tuple[MetricOutcome, ...]:
        """One outcome for each metric. The ledger keeps those of other versions too, for other evaluations."""
        versions = self._record.configuration.get("metrics", {})
        chosen: dict[str, ScoreEntry] = {}
        for entry in entries:
            if entry.version == versions.get(entry.metric, entry.version):
                chosen[entry.metric] = entry
        return tuple(
            MetricOutcome(name, entry.state, entry.score, entry.reason, entry.detail)
            for name, entry in sorted(chosen.items())
        )

    def _gold(self, case: Case) -> Iterator[GoldSpan]:
        for evidence in case.evidence:
            text = self._text(evidence.uri)
            span = evidence.span(text) if text is not None else None
            if span is not None:
                yield GoldSpan(evidence.uri, *span, whole_document=not evidence.quote.split())

    def _text(self, uri: str) -> str | None:
        if uri not in self._texts:
            document = self._documents.get(document_id(uri))
            self._texts[uri] = document.text if document else None
        return self._texts[uri]
