"""The documents as a caller may see them. The one place where a document's access labels meet a caller's."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from app.fields import is_uuid
from core.errors import NotFoundError
from core.storage.database import Database
from core.storage.documents import DocumentRepository, DocumentSummary
from core.types import AccessScope, Document


@dataclass(frozen=True, slots=True)
class Shelf:
    """A part of the list of documents. `next` is where the following part begins; None at the end."""

    documents: tuple[DocumentSummary, ...]
    next: str | None


class DocumentLibrary:
    """Documents by id and in order of URI, limited to what `scope` allows."""

    def __init__(self, database: Database) -> None:
        self._documents = DocumentRepository(database)

    def open(self, document_id: str, scope: AccessScope) -> Document:
        """The document. Raises NotFoundError alike for one that does not exist and one that the caller may not see."""
        document = self._documents.get(document_id) if is_uuid(document_id) else None
        if document is None or not scope.allows(document.access):
            raise NotFoundError(
                "There is no such document.", hint="It may have been removed since, or your key may not see it."
            )
        return document

    def shelf(self, scope: AccessScope, after: str = "", limit: int = 100) -> Shelf:
        """Up to `limit` documents in order of URI, beginning behind `after`."""
        found = self._documents.page(after=after, limit=limit + 1, scope=scope)
        shown = tuple(found[:limit])
        return Shelf(shown, shown[-1].uri if len(found) > limit else None)

    def count(self, collection: str, scope: AccessScope) -> int:
        """How many documents of the collection the caller may see."""
        return self._documents.count(collection, scope)


def page_of(document: Document, offset: int) -> int | None:
    """The page, counted from 1, that `offset` stands on; None where the format has no pages."""
    return bisect_right(document.page_starts, offset) or None
