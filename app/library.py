"""The documents as a caller may see them."""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from app.answers.citations import document_url
from app.fields import is_uuid
from core.errors import NotFoundError
from core.storage.database import Database
from core.storage.documents import DocumentRepository, DocumentSummary
from core.storage.visibility import Visibility
from core.text.document_uri import parent_uri
from core.types import AccessScope, Document, document_id


@dataclass(frozen=True, slots=True)
class DocumentListing:
    """A part of the list of documents. `next` is where the following part begins; None at the end."""

    documents: tuple[DocumentSummary, ...]
    next: str | None


class DocumentLibrary:
    """Documents by id and in order of URI, limited to what `scope` allows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._documents = DocumentRepository(database)

    def open(self, document_id: str, scope: AccessScope) -> Document:
        """The document. Raises NotFoundError alike for one that does not exist and one that the caller may not see."""
        document = Visibility(self._database, scope).document(document_id) if is_uuid(document_id) else None
        if document is None:
            raise NotFoundError(
                "There is no such document.", hint="It may have been removed since, or your key may not see it."
            )
        return document

    def listing(self, scope: AccessScope, after: str = "", limit: int = 100) -> DocumentListing:
        """Up to `limit` documents in order of URI, beginning behind `after`."""
        found = self._documents.page(after=after, limit=limit + 1, scope=scope)
        shown = tuple(found[:limit])
        return DocumentListing(shown, shown[-1].uri if len(found) > limit else None)

    def parent(self, document: Document, scope: AccessScope) -> Document | None:
        """The message that the document came with, if it did and the caller may see that."""
        uri = parent_uri(document.uri)
        return Visibility(self._database, scope).document(document_id(uri)) if uri else None

    def links(self, document: Document, scope: AccessScope, addresses: Sequence[str]) -> Mapping[str, str]:
        """For each address in the document's text that leads to another document of its source, which is there and
        which the caller may see: that document's path."""
        targets = {address: _target(document.uri, address) for address in addresses}
        ids = {address: document_id(uri) for address, uri in targets.items() if uri is not None}
        seen = Visibility(self._database, scope).documents(ids.values())
        return {address: document_url(found) for address, found in ids.items() if found in seen}

    def count(self, collection: str, scope: AccessScope) -> int:
        """How many documents of the collection the caller may see."""
        return self._documents.count(collection, scope)


def page_of(document: Document, offset: int) -> int | None:
    """The page, counted from 1, that `offset` stands on; None where the format has no pages."""
    return bisect_right(document.page_starts, offset) or None


def _target(uri: str, address: str) -> str | None:
    """The URI that a relative link in the document at `uri` means; None for links that leave the source."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(uri), unquote(parts.path)))
    return target if target.startswith(uri.partition("/")[0] + "/") else None
