"""Erasing a document, or a person, from everything that RAGLoop keeps, with a receipt.

    erased = Eraser(settings, database, index).document("handbook/leave.md", actor)
    erased.receipt        # {"index": 4, "documents": 1, "answers": 12, "cases": 1, …}
    erased.adapters       # digests of adapters that were trained on it: a person retires them

ErasedDocument and ErasedPerson recognise what is erased, and every store takes it out of its own: core.storage.erasure.
Of what was erased the ledger keeps a hash, by which ingestion knows the documents that are to be kept out. An erasure
that was killed can be run again: what leads to the rest goes last, and adapters are on record before their rows go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ports import VectorIndex
from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository, EmbeddingMemo, RunRepository
from core.storage.erasure import Erasable
from core.storage.evals.case_drafts import CaseDraftRepository
from core.storage.evals.datasets import DatasetRepository
from core.storage.evals.evaluations import EvaluationLedger, EvaluationRepository
from core.storage.interactions import InteractionRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.erasures import ErasureRepository, Subject
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.firings import FiringWords
from core.types import Actor, Document
from ingestion.deletion import Deletion
from ingestion.pipeline import WAIT_SECONDS, writing
from loop.erasure.document import ErasedDocument
from loop.erasure.files import FileTraces, ReportFiles, TrainingFiles
from loop.erasure.person import ErasedPerson

# The repositories that keep words of people or documents. Cases, answers and votes lead to the rest, so they are last.
REPOSITORIES: tuple[type[Erasable], ...] = (
    CaseDraftRepository,
    EvaluationLedger,
    EvaluationRepository,
    FiringWords,
    RunRepository,
    DatasetRepository,
    DiagnosisRepository,
    InteractionRepository,
    FeedbackRepository,
)


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows or files of each kind were removed or emptied, and which adapters must be retired."""

    receipt: Mapping[str, int]
    adapters: tuple[str, ...]


class _Store(Protocol):
    def erase(self, traces: FileTraces) -> Mapping[str, int]: ...


class Eraser:
    """Erases over open stores. Only one erasure or ingestion of this machine runs at a time."""

    def __init__(self, settings: Settings, database: Database, index: VectorIndex) -> None:
        self._settings = settings
        self._database = database
        self._index = index
        self._ledger = ErasureRepository(database)

    def document(self, uri: str, actor: Actor, *, keep_out: bool = False) -> Erased:
        """Erase the document with this URI, and what came with it, from the index, the stored texts, answers, votes,
        cases, training rows and reports. With `keep_out` ingestion leaves it out from now on, though its source still
        offers it; one that was erased before can be kept out later. Raises NotFoundError if nothing is known of it."""
        adapters: list[str] = []

        def traces(documents: Sequence[Document], held: Mapping[str, int]) -> Mapping[str, int]:
            # Diagnoses say which votes speak of the document, so they go behind these.
            last = (*(each for each in REPOSITORIES if each is not DiagnosisRepository), DiagnosisRepository)
            erased = self._erase(uri, ErasedDocument(self._database, uri, documents, actor.name), last)
            adapters.extend(erased.adapters)
            found = erased.receipt
            if any((*held.values(), *found.values())):
                self._ledger.record(Subject.DOCUMENT, uri, actor.name, {**held, **found})
            kept_out = keep_out and uri in self._ledger.subjects(Subject.DOCUMENT)
            if kept_out:
                self._ledger.record(Subject.KEPT_OUT, uri, actor.name, {})
            return {**found, "kept_out": int(kept_out)}

        stored, memo = DocumentRepository(self._database), EmbeddingMemo(self._database)
        with writing(self._settings.home, WAIT_SECONDS):
            deletion = Deletion(self._index, stored, memo, self._settings.home / "staging")
            receipt = deletion.delete(uri, traces)
        self._database.settle()
        return Erased(receipt, tuple(adapters))

    def author(self, name: str, actor: Actor, *, keyless: bool = False) -> Erased:
        """Erase a person: their feedback, the answers given under their keys, and what was made of them. `keyless` says
        that answers without a key were theirs as well. Raises NotFoundError if there is nothing of them."""
        with writing(self._settings.home, WAIT_SECONDS):
            erased = self._erase(name, ErasedPerson(self._database, name, actor.name, keyless=keyless), REPOSITORIES)
            self._ledger.record(Subject.AUTHOR, name, actor.name, erased.receipt)
        self._database.settle()
        return erased

    def _erase(self, subject: str, traces: FileTraces, repositories: Iterable[type[Erasable]]) -> Erased:
        adapters = self._ledger.adapters(subject)

        def name(digest: str) -> None:
            if digest not in adapters:
                adapters.add(digest)
                self._ledger.record(Subject.ADAPTER, subject, traces.by, {digest: 1})

        stores: list[_Store] = [ReportFiles(self._settings, self._database), TrainingFiles(self._settings, name)]
        stores += [repository(self._database) for repository in repositories]
        receipt: dict[str, int] = {}
        for store in stores:
            receipt |= store.erase(traces)
        return Erased(receipt, tuple(sorted(adapters)))
