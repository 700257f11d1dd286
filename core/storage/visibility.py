"""Who may see what was made out of documents: a declined question, a vote with its answer, a diagnosis, a case.

    visibility = Visibility(database, scope)
    visibility.allows(provenance_of(vote))

The one answer, for every page and endpoint:

- Something made of documents is seen by those who may see all of its documents.
- A document that is gone has no labels any more: what came from it is seen by those who may see everything.
- Something that no document is known of is never everybody's. It is seen by those who may see all that the person who
  asked may; where that is not known, by those who may see everything.

A search shows single passages, so there a document's own labels decide, in the index: AccessScope.allows. Evaluations
show every label to reviewers; docs/explanation/security.md says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.loop.feedback import Feedback
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.types import AccessScope, Document


@dataclass(frozen=True, slots=True)
class Provenance:
    """What something came from: the ids of its documents, and what the person who asked may see."""

    documents: frozenset[str]
    asker: AccessScope = field(default_factory=AccessScope.everything)

    def with_documents(self, document_ids: Iterable[str]) -> Provenance:
        """The origin of what was made of this and of more documents."""
        return Provenance(self.documents.union(document_ids), self.asker)


class Visibility:
    """What `scope` lets its bearer see."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._documents = DocumentRepository(database)
        self.scope = scope

    def allows(self, origin: Provenance) -> bool:
        """Whether what came from there may be seen."""
        return self.of([origin])[0]

    def of(self, origins: Sequence[Provenance]) -> list[bool]:
        """For each of these, whether what came from there may be seen."""
        if self.scope.labels is None:
            return [True] * len(origins)
        seen = self.documents(frozenset[str]().union(*(origin.documents for origin in origins)))
        return [origin.documents <= seen if origin.documents else self.scope.covers(origin.asker) for origin in origins]

    def documents(self, document_ids: Iterable[str]) -> set[str]:
        """Those of the documents that are there and may be seen."""
        return self._documents.visible(document_ids, self.scope)

    def document(self, document_id: str) -> Document | None:
        """The document, if it is there and may be seen."""
        found = self._documents.get(document_id)
        return found if found is not None and self.scope.allows(found.access) else None


def provenance_of(vote: Feedback) -> Provenance:
    """What a vote came from: the documents in its snapshot of the answer, and its author's question."""
    return Provenance(vote.interaction.document_ids, vote.scope)
