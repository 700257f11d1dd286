"""Drafts of evaluation cases as one reviewer may see them, and what the reviewer makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from app.answers.citations import document_url
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.storage.evals.case_drafts import Decided
from core.storage.visibility import Provenance, Visibility
from core.types import AccessScope, Actor, Document, document_id
from evals.cases.cases import Case, GoldEvidence, explain
from evals.cases.drafts import CaseDrafts, DraftedCase

# Drafts on one page: what a person decides in one sitting, and what a form can carry.
PAGE_LENGTH = 20
# Characters of the document shown on either side of a quote: what it follows on, and whether it stops too early.
_SURROUNDING = 200

Choice = Literal["later", "accept", "discard"]


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote in its surroundings: `before + quote + after` is a stretch of the document. Without `quote` the document
    no longer holds it."""

    title: str
    uri: str
    url: str
    before: str = ""
    quote: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class DraftForm:
    """What a reviewer put into the form about one draft."""

    choice: Choice
    question: str
    answer: str
    tags: str


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft on the page. One whose document is gone is not shown, and can only be discarded."""

    id: str
    case: Case
    entry: DraftForm
    quotes: tuple[Quoted, ...]
    gone: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DraftPage:
    """A page of drafts. `counts` says how many wait in each dataset, `hidden` how many of this one's are about
    documents that this reviewer may not see."""

    dataset: str
    counts: Mapping[str, int]
    drafts: tuple[DraftView, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of a form: the decisions, or, where something was wrong, `problems` by draft and nothing decided."""

    decided: Decided | None
    problems: Mapping[str, str] = field(default_factory=dict)


class DraftDesk:
    """The drafts that `scope` lets be seen."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._drafts = CaseDrafts(database)
        self._documents = DocumentRepository(database)
        self._keys = ApiKeyRepository(database)
        self._visibility = Visibility(database, scope)

    def open(
        self, dataset: str, entries: Mapping[str, DraftForm] | None = None, problems: Mapping[str, str] | None = None
    ) -> DraftPage:
        """The first drafts of the dataset, or of the first one that has any; `entries` fills them in as a form that was
        refused had them, `problems` says why."""
        counts = self._drafts.counts()
        dataset = dataset or next(iter(counts), "")
        waiting = self._drafts.waiting(dataset) if dataset in counts else []
        views: list[DraftView] = []
        hidden = 0
        for draft in waiting:
            if not self._may_decide(draft):
                hidden += 1
            elif len(views) < PAGE_LENGTH:
                documents = self._documents_of(draft.case)
                entry = (entries or {}).get(draft.id) or _entry(draft.case)
                views.append(_view(draft.id, draft.case, entry, documents, (problems or {}).get(draft.id, "")))
        return DraftPage(dataset, counts, tuple(views), hidden)

    def submit(self, dataset: str, entries: Mapping[str, DraftForm], actor: Actor) -> Submitted:
        """Decide what the reviewer decided; nothing of it if a draft was edited into something that is no case, or
        accepted though its document is gone.

        Raises InputError if the dataset cannot take the accepted cases.
        """
        found = self._drafts.get(entries)
        seen = [key for key in entries if key in found and self._may_decide(found[key])]
        accepted: dict[str, Case] = {}
        problems: dict[str, str] = {}
        for key in seen:
            if entries[key].choice == "accept":
                if None in self._documents_of(found[key].case).values():
                    problems[key] = "This draft was not accepted: what it was about is no longer there."
                    continue
                try:
                    accepted[key] = _edited(found[key].case, entries[key])
                except ValidationError as error:
                    problems[key] = explain(error)
        if problems:
            return Submitted(None, problems)
        discarded = [key for key in seen if entries[key].choice == "discard"]
        return Submitted(self._drafts.decide(dataset, accepted, discarded, actor=actor.name))

    def questions(self, ids: Sequence[str]) -> list[str]:
        """The questions of these drafts, decided or not."""
        drafts = self._drafts.get(ids).values()
        return [draft.case.question for draft in drafts if self._visibility.allows(self._origin(draft))]

    def _documents_of(self, case: Case) -> dict[str, Document | None]:
        uris = dict.fromkeys(evidence.uri for evidence in case.evidence)
        return {uri: self._documents.get(document_id(uri)) for uri in uris}

    def _may_decide(self, draft: DraftedCase) -> bool:
        """Whether the reviewer may see the draft. Nothing is shown of one with a document that is gone, so that those
        who may see the others can discard it; where all are gone, those who may see everything."""
        documents = self._documents_of(draft.case).values()
        there = {document.id for document in documents if document is not None}
        if 0 < len(there) < len(documents):
            return there <= self._visibility.documents(there)
        return self._visibility.allows(self._origin(draft))

    def _origin(self, draft: DraftedCase) -> Provenance:
        """Where a question comes from that no document answers, nothing says: it is taken for that of whoever had it
        drafted."""
        documents = frozenset(document_id(evidence.uri) for evidence in draft.case.evidence)
        return Provenance(documents) if documents else Provenance(documents, self._keys.scope_of(draft.drafted_by))


def _view(key: str, case: Case, entry: DraftForm, documents: Mapping[str, Document | None], problem: str) -> DraftView:
    found = [(evidence, documents[evidence.uri]) for evidence in case.evidence]
    quotes = tuple(_quoted(evidence, document) for evidence, document in found if document is not None)
    return DraftView(key, case, entry, quotes, gone=len(quotes) < len(found), problem=problem)


def _quoted(evidence: GoldEvidence, document: Document) -> Quoted:
    span = evidence.span(document.text)
    if span is None:
        return Quoted(document.title, document.uri, document_url(document.id))
    start, end = span
    first, last = max(0, start - _SURROUNDING), min(len(document.text), end + _SURROUNDING)
    before, after = document.text[first:start], document.text[end:last]
    return Quoted(
        title=document.title,
        uri=document.uri,
        url=document_url(document.id, start, end),
        before="…" + before.partition(" ")[2] if first and " " in before else before,
        quote=document.text[start:end],
        after=after.rpartition(" ")[0] + "…" if last < len(document.text) and " " in after else after,
    )


def _entry(case: Case) -> DraftForm:
    return DraftForm("later", case.question, case.answer, ", ".join(case.tags))


def _edited(case: Case, entry: DraftForm) -> Case:
    """The case as the reviewer wants it. Raises ValidationError."""
    changed: dict[str, Any] = {
        "question": entry.question.strip(),
        "tags": tuple(dict.fromkeys(tag.strip() for tag in entry.tags.split(",") if tag.strip())),
    }
    if not case.unanswerable:
        changed["answer"] = entry.answer.strip()
    return Case.model_validate(case.model_dump() | changed)
