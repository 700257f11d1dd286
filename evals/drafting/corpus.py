"""The documents that the system answers from now, to draft cases from."""

from __future__ import annotations

import random

from core.errors import NotFoundError
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.storage.releases import ReleaseRepository
from core.types import Document, DocumentState

# Documents that drafting looks at: enough for any number of drafts a person reads, few enough to hold in memory.
MOST_DOCUMENTS = 2000


def champions_documents(database: Database, seed: int) -> list[Document]:
    """The documents of the champion's collection, or before there is a champion all that were ingested; of more than
    MOST_DOCUMENTS a sample. Raises NotFoundError if there are none."""
    documents = DocumentRepository(database)
    champion = ReleaseRepository(database).champion()
    if champion is None:
        ids = [summary.id for summary in documents.page(limit=MOST_DOCUMENTS)]
    else:
        entries = documents.entries(champion.manifest.collection.name)
        ids = sorted(key for key, entry in entries.items() if entry.state is DocumentState.INDEXED)
    if len(ids) > MOST_DOCUMENTS:
        ids = random.Random(seed).sample(ids, MOST_DOCUMENTS)  # noqa: S311 - a sample, no secret
    found = [document for key in ids if (document := documents.get(key)) is not None]
    if not found:
        raise NotFoundError("There are no documents to draft from.", hint="Run `ragloop ingest FOLDER` first.")
    return found
