"""Erasing a document, or a person, from everything that RAGLoop keeps, with a receipt.

    erased = Eraser(settings, database, index).document("handbook/leave.md", actor)
    erased.receipt        # {"index": 4, "documents": 1, "answers": 12, "cases": 1, …}
    erased.adapters       # digests of adapters that were trained on it: a person retires them

Of what was erased the ledger keeps a hash, by which ingestion knows the documents that are to be kept out. An erasure
that was killed can be run again: what leads to the rest goes last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, or_, select

from core.answer_snapshot import AnswerSnapshot
from core.diagnosis import DiagnosisSubject
from core.errors import NotFoundError
from core.feedback import AcceptedCase, TrainingPair
from core.ports import VectorIndex
from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository, EmbeddingMemo
from core.storage.loop.diagnoses import EVIDENCE
from core.storage.loop.erasures import ErasureRepository, Subject, rewrite
from core.storage.loop.feedback import content_of
from core.storage.loop.snapshots import SNAPSHOTS
from core.storage.tables import (
    api_keys,
    case_drafts,
    diagnoses,
    evaluation_answers,
    evaluation_cases,
    feedback,
    feedback_decisions,
    interactions,
)
from core.types import Actor, Document
from evals.cases.cases import Case
from ingestion.deletion import Deletion
from ingestion.pipeline import WAIT_SECONDS, writing
from loop.erasure.files import erase_report, erase_taught
from loop.erasure.records import Records
from loop.erasure.traces import DocumentTraces, Found

_HINT_AUTHOR = "`ragloop feedback list` shows who gave feedback."


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows or files of each kind were removed or emptied, and which adapters must be retired."""

    receipt: Mapping[str, int]
    adapters: tuple[str, ...]


class Eraser:
    """Erases over open stores. Only one erasure or ingestion of this machine runs at a time."""

    def __init__(self, settings: Settings, database: Database, index: VectorIndex) -> None:
        self._settings = settings
        self._database = database
        self._index = index
        self._ledger = ErasureRepository(database)
        self._records = Records(database)

    def document(self, uri: str, actor: Actor, *, keep_out: bool = False) -> Erased:
        """Erase the document with this URI: from the index, the stored texts, answers, votes, cases, training rows and
        reports. With `keep_out` ingestion leaves it out from now on, though its source still offers it; one that was
        erased before can be kept out later. Raises NotFoundError if nothing is known of it."""
        adapters: list[str] = []

        def traces(document: Document | None, held: Mapping[str, int]) -> Mapping[str, int]:
            found, trained = self._traces(uri, document, actor)
            adapters.extend(trained)
            known = any((*held.values(), *found.values()))
            if known:
                self._ledger.record(Subject.DOCUMENT, uri, actor.name, {**held, **found})
            kept_out = keep_out and uri in self._ledger.subjects(Subject.DOCUMENT)
            if kept_out:
                self._ledger.record(Subject.KEPT_OUT, uri, actor.name, {})
            return {**found, "kept_out": int(kept_out)}

        documents, memo = DocumentRepository(self._database), EmbeddingMemo(self._database)
        with writing(self._settings.home, WAIT_SECONDS):
            deletion = Deletion(self._index, documents, memo, self._settings.home / "staging")
            receipt = deletion.delete(uri, traces)
        self._database.settle()
        return Erased(receipt, tuple(adapters))

    def author(self, name: str, actor: Actor, *, keyless: bool = False) -> Erased:
        """Erase a person: their feedback, the answers given under their keys, and what was made of them. `keyless` says
        that answers without a key were theirs as well. Raises NotFoundError if there is nothing of them."""
        with writing(self._settings.home, WAIT_SECONDS):
            erased = self._author(name, actor, keyless)
        self._database.settle()
        return erased

    # -- a document

    def _traces(self, uri: str, document: Document | None, actor: Actor) -> tuple[dict[str, int], list[str]]:
        traces = DocumentTraces(uri, [document.text] if document else self._kept_passages(uri))
        found = Found(traces.holds)
        database, records = self._database, self._records
        traces.learn(self._answered(traces))
        receipt: dict[str, int] = {}
        sha256s = {row.sha256 for row in self._rows(evaluation_cases) if _in_case(traces, row.content)}
        decided = {row.feedback_id for row in self._rows(feedback_decisions) if _decided_on(traces, content_of(row))}
        receipt["decisions"] = records.decisions(decided)
        receipt["cases"] = len(sha256s)
        records.cases(sha256s, actor.name)
        receipt["drafts"] = rewrite(
            database, case_drafts, ("content",), lambda row: None if _in_case(traces, row.content) else {}
        )
        receipt["evaluation_answers"] = records.answers(
            lambda row: row.case_sha256 in sha256s or bool(traces.answer(row.answer, "text"))
        )
        receipt["reports"] = records.reports(sha256s, found, self._erase_report)
        receipt["firings"] = records.firings(found)
        receipt["runs"] = records.runs(found)
        receipt["training_rows"], adapters = erase_taught(
            self._settings, lambda text: traces.holds(text) or traces.repeats(text)
        )
        corrected = decided | {feedback_id for row in self._rows(diagnoses) if (feedback_id := _traced(uri, row))}
        # Last: by what was answered, its repetitions above are found, and by the diagnoses what votes say of it.
        receipt["answers"] = rewrite(
            database, interactions, _ANSWER, lambda row: traces.answer(row._asdict(), "answer")
        )
        receipt["feedback"] = rewrite(
            database, feedback, ("comment", "correction", "interaction"), lambda row: _vote(traces, row, corrected)
        )
        receipt["diagnoses"] = records.diagnoses(lambda row: found.without(list(row)) != list(row))
        return receipt, adapters

    def _answered(self, traces: DocumentTraces) -> list[str]:
        """The answers that are to be erased."""
        records = (row._asdict() for row in self._rows(interactions))
        answered = [each["answer"] for each in records if "answer" in traces.answer(each, "answer")]
        given = (_snapshot(row) for row in self._rows(feedback))
        return answered + [each.answer for each in given if traces.snapshot(each).answer != each.answer]

    def _kept_passages(self, uri: str) -> list[str]:
        """What answers kept of a document that is gone already."""
        records = chain(
            (row.passages for row in self._rows(interactions)),
            (row.answer["passages"] for row in self._rows(evaluation_answers) if row.answer),
        )
        kept = [passage["text"] for passages in records for passage in passages if passage["uri"] == uri]
        given = (_snapshot(row) for row in self._rows(feedback))
        return kept + [passage.text for each in given for passage in each.passages if passage.uri == uri]

    # -- a person

    def _author(self, name: str, actor: Actor, keyless: bool) -> Erased:
        keys = {row.id for row in self._rows(api_keys, api_keys.c.name == name)}
        keys |= {row.api_key_id for row in self._rows(feedback, feedback.c.author == name) if row.api_key_id}
        theirs = interactions.c.api_key_id.in_(keys)
        asked = or_(theirs, interactions.c.api_key_id.is_(None)) if keyless else theirs
        answers = {row.id: row.question for row in self._rows(interactions, asked)}
        given = [row for row in self._rows(feedback) if row.author == name or row.interaction_id in answers]
        votes = {row.id for row in given}
        if not votes and not answers:
            raise NotFoundError(f"There is nothing of {name[:100]}.", hint=_HINT_AUTHOR)
        questions = {*answers.values(), *(_snapshot(row).question for row in given)}
        receipt, adapters = self._made_of(votes, questions, actor)
        receipt["answers"] = self._remove(interactions, answers)
        # Last: they lead to everything above.
        receipt["decisions"] = self._remove(feedback_decisions, votes)
        receipt["feedback"] = self._remove(feedback, votes)
        self._ledger.record(Subject.AUTHOR, name, actor.name, receipt)
        return Erased(receipt, tuple(adapters))

    def _made_of(self, votes: set[str], asked: set[str], actor: Actor) -> tuple[dict[str, int], list[str]]:
        """Erase what became of these votes, and of what the person `asked`."""
        contents = (content_of(row) for row in self._rows(feedback_decisions) if row.feedback_id in votes)
        made = [content for content in contents if content is not None]
        sha256s = {Case.model_validate(each.model_dump()).sha256 for each in made if isinstance(each, AcceptedCase)}
        taught = {text for each in made if isinstance(each, TrainingPair) for text in (each.question, each.answer)}
        subjects = {str(DiagnosisSubject.of_vote(vote)) for vote in votes}
        # Names and numbers are one word: taking them out of a trigger's records would break them.
        said = {text for text in asked | {each.question for each in made} if len(text.split()) > 1}
        records = self._records
        records.cases(sha256s, actor.name)
        receipt = {"cases": len(sha256s)}
        receipt["evaluation_answers"] = records.answers(lambda row: row.case_sha256 in sha256s)
        receipt["reports"] = records.reports(sha256s, Found(lambda _text: False), self._erase_report)
        receipt["diagnoses"] = records.diagnoses(lambda row: row.subject in subjects or row.question in said)
        receipt["firings"] = records.firings(Found(lambda text: text in said or text in subjects))
        receipt["training_rows"], adapters = erase_taught(self._settings, lambda text: text in taught)
        return receipt, adapters

    # -- files and rows

    def _erase_report(self, evaluation_id: str) -> None:
        erase_report(self._settings, evaluation_id)

    def _rows(self, table: Table, where: ColumnElement[bool] | None = None) -> Iterator[Row[Any]]:
        """Every row, as it is."""
        query = select(table) if where is None else select(table).where(where)
        with self._database.transaction() as connection:
            yield from connection.execution_options(yield_per=200).execute(query)

    def _remove(self, table: Table, keys: Collection[str]) -> int:
        return rewrite(self._database, table, (), lambda row: None if row[0] in keys else {})


_ANSWER = ("question", "history", "query", "answer", "abstained", "passages", "citations", "model")


def _in_case(traces: DocumentTraces, content: Mapping[str, Any]) -> bool:
    return "question" in content and traces.in_case(Case.model_validate(content))


def _decided_on(traces: DocumentTraces, content: AcceptedCase | TrainingPair | None) -> bool:
    """Whether a case or a training pair rests on the document."""
    match content:
        case AcceptedCase():
            return traces.in_case(content)
        case TrainingPair():
            said = (*(turn.content for turn in content.history), content.question, content.answer)
            texts = (*(passage.text for passage in content.passages), *said, content.rejected or "")
            return any(map(traces.repeats, texts))
        case None:
            return False


def _traced(uri: str, made: Row[Any]) -> str | None:
    """The vote whose correction, by its diagnosis, stands in the document."""
    held = any(place.uri == uri for place in EVIDENCE.read(made.id, made.evidence).passages)
    return DiagnosisSubject.parse(made.subject).vote_id if held else None


def _snapshot(row: Row[Any]) -> AnswerSnapshot:
    return SNAPSHOTS.read(row.id, row.interaction)


def _vote(traces: DocumentTraces, row: Row[Any], corrected: set[str]) -> dict[str, Any]:
    """What of a vote is to be otherwise: its snapshot, and words that came out of the document, in whatever words if it
    is one of those `corrected` by it."""
    new: dict[str, Any] = {}
    given = _snapshot(row)
    if (left := traces.snapshot(given)) != given:
        new["interaction"] = SNAPSHOTS.write(left)
    for name in ("comment", "correction"):
        text = getattr(row, name)
        if text and (traces.holds(text) or row.id in corrected):
            new[name] = ""
    return new
