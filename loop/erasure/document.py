"""A document that is erased, as it is recognised in what repositories keep."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from sqlalchemy import Row

from core.loop.diagnosis import Diagnosis
from core.loop.enums import DecisionKind
from core.loop.feedback import AcceptedCase, TrainingPair
from core.storage.database import Database
from core.storage.erasure import Changed
from core.storage.evals.datasets import DatasetRepository
from core.storage.evals.evaluations import EvaluationLedger
from core.storage.interactions import InteractionRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository, content_of
from core.storage.loop.snapshots import SNAPSHOTS
from core.text.document_uri import is_within
from core.types import Document
from evals.cases.cases import Case
from loop.erasure.traces import DocumentTraces, Found, without_cases

_DISMISSED: Mapping[str, Any] = {
    "kind": DecisionKind.DISMISSED, "side": None, "content": {}, "reason": "What it rested on was erased.",
}  # fmt: skip


class ErasedDocument:
    """Implements core.storage.erasure.Traces, for the document at `uri` and what came with it, of which `documents` are
    the texts that are known. Looks through the database once, before anything is erased."""

    def __init__(self, database: Database, uri: str, documents: Sequence[Document], by: str) -> None:
        self.by = by
        self._uri = uri
        now = [document.text for document in documents]
        self._traces = traces = DocumentTraces(uri, [*now, *_kept_passages(database, uri)])
        self._found = Found(traces.holds)
        traces.learn(_answered(database, traces))
        self.cases: Collection[str] = {
            case.sha256 for case in DatasetRepository(database).every_case() if self.draft(case.content)
        }
        decisions = FeedbackRepository(database).decisions()
        decided = {vote for vote, made in decisions.items() if self._decided_on(made.content)}
        diagnosed = DiagnosisRepository(database).every()
        # Votes whose correction says what the document says, in whatever words.
        self._corrected = decided | {vote for made in diagnosed if (vote := _traced(uri, made))}

    def without(self, value: Any) -> Any:
        return self._found.without(value)

    def taught(self, text: str) -> bool:
        return self._traces.holds(text) or self._traces.repeats(text)

    def answer(self, row: Row[Any]) -> Changed:
        return self._traces.answer(row._asdict(), "answer")

    def vote(self, row: Row[Any]) -> Changed:
        """Of a vote its snapshot is changed, and words go that came out of the document."""
        new: dict[str, Any] = {}
        given = SNAPSHOTS.read(row.id, row.interaction)
        if (left := self._traces.snapshot(given)) != given:
            new["interaction"] = SNAPSHOTS.write(left)
        for name in ("comment", "correction"):
            text = getattr(row, name)
            if text and (self._traces.holds(text) or row.id in self._corrected):
                new[name] = ""
        return new

    def decision(self, row: Row[Any]) -> Changed:
        return _DISMISSED if self._decided_on(content_of(row)) else {}

    def diagnosis(self, row: Row[Any]) -> bool:
        return bool(self.without(list(row)) != list(row))

    def draft(self, content: Mapping[str, Any]) -> bool:
        return "question" in content and self._traces.in_case(Case.model_validate(content))

    def evaluated(self, case_sha256: str, answer: Mapping[str, Any]) -> bool:
        return case_sha256 in self.cases or bool(self._traces.answer(answer, "text"))

    def report(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        cleaned: Mapping[str, Any] = self.without(without_cases(report, self.cases))
        return cleaned

    def _decided_on(self, content: AcceptedCase | TrainingPair | None) -> bool:
        """Whether a case or a training pair rests on the document."""
        match content:
            case AcceptedCase():
                return self._traces.in_case(content)
            case TrainingPair():
                said = (*(turn.content for turn in content.history), content.question, content.answer)
                texts = (*(passage.text for passage in content.passages), *said, content.rejected or "")
                return any(map(self._traces.repeats, texts))
            case None:
                return False


def _answered(database: Database, traces: DocumentTraces) -> Iterator[str]:
    """The answers that are to be erased."""
    records = (asdict(each) for each in InteractionRepository(database).every())
    yield from (each["answer"] for each in records if "answer" in traces.answer(each, "answer"))
    given = (vote.interaction for vote in FeedbackRepository(database).every())
    yield from (each.answer for each in given if traces.snapshot(each).answer != each.answer)


def _kept_passages(database: Database, uri: str) -> list[str]:
    """What answers kept of the document: it may be gone already, or have said something else."""
    answers = (each.passages for each in InteractionRepository(database).every())
    records = chain(answers, (each["passages"] for each in EvaluationLedger(database).every_answer()))
    kept = [str(passage["text"]) for passages in records for passage in passages if is_within(passage["uri"], uri)]
    given = (vote.interaction.passages for vote in FeedbackRepository(database).every())
    return kept + [passage.text for passages in given for passage in passages if is_within(passage.uri, uri)]


def _traced(uri: str, made: Diagnosis) -> str | None:
    """The vote whose correction, by its diagnosis, stands in the document."""
    return made.subject.vote_id if any(is_within(place.uri, uri) for place in made.evidence.passages) else None
