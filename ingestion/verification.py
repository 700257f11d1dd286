"""Whether the index holds what the manifest says: counted in full, and looked at in samples."""

from __future__ import annotations

import random
from dataclasses import dataclass

from core.errors import RagloopError
from core.ports import VectorIndex
from core.storage.documents import DocumentRepository
from core.types import AccessScope, DocumentState, chunk_id

# Documents whose first and last chunk are compared with the stored text. Errors in spans are systematic: a few show it.
_SAMPLES = 20

_HINT = (
    "Run the ingestion again: it repairs documents that differ. Documents that the manifest does not know come from "
    "another installation that writes to the same index, or from before the database was replaced."
)


@dataclass(frozen=True, slots=True)
class ComparedTexts:
    """How much of a collection was compared with the stored texts."""

    collection: str
    documents: int
    chunks: int


def verify(index: VectorIndex, documents: DocumentRepository, collection: str, seed: str) -> None:
    """Raises RagloopError when index and manifest, or chunks and texts, disagree. `seed` chooses the samples."""
    certain = _verify_counts(index, documents, collection)
    for document_id in random.Random(seed).sample(certain, min(_SAMPLES, len(certain))):  # noqa: S311 - a sample, no secret
        _verify_spans(index, documents, collection, document_id, whole=False)


def verify_all(index: VectorIndex, documents: DocumentRepository, collection: str) -> ComparedTexts:
    """The same of every chunk of every document."""
    certain = _verify_counts(index, documents, collection)
    chunks = sum(_verify_spans(index, documents, collection, document_id, whole=True) for document_id in certain)
    return ComparedTexts(collection, len(certain), chunks)


def _verify_counts(index: VectorIndex, documents: DocumentRepository, collection: str) -> list[str]:
    """The ids of the documents that have chunks, sorted."""
    held, counts = documents.held(collection), index.chunk_counts(collection)
    # Pending documents belong to another source's run that is under way, or was killed and will be repeated.
    expected = {key: chunks for key, (state, chunks) in held.items() if state is not DocumentState.PENDING and chunks}
    pending = {key for key, (state, _) in held.items() if state is DocumentState.PENDING}
    unknown = counts.keys() - expected.keys() - pending
    wrong = [key for key, chunks in expected.items() if counts.get(key, 0) != chunks]
    if unknown or wrong:
        entries = documents.entries(collection) if wrong else {}
        first = f", the first {min(entries[key].uri for key in wrong)}" if wrong else ""
        raise RagloopError(
            f"The index and the manifest disagree: {len(wrong)} documents have another number of chunks{first}; "
            f"{len(unknown)} are not in the manifest.",
            hint=_HINT,
        )
    return sorted(key for key in expected if held[key][0] is DocumentState.INDEXED)


def _verify_spans(
    index: VectorIndex, documents: DocumentRepository, collection: str, document_id: str, *, whole: bool
) -> int:
    """Compare the document's first and last chunk, or all of them, with its text, and return how many."""
    document, entry = documents.get(document_id), documents.entry(collection, document_id)
    if entry is None or (document is not None and document.content_sha256 != entry.content_sha256):
        return 0  # it was removed meanwhile, or another collection has read a newer version since
    ids = [chunk_id(document_id, ordinal) for ordinal in (range(entry.chunks) if whole else {0, entry.chunks - 1})]
    stored = index.fetch(collection, ids, AccessScope.everything())
    agree = (
        document is not None
        and len(stored) == len(ids)
        and all(one.content_sha256 == entry.content_sha256 for one in stored)
        and all(document.text[one.chunk.start : one.chunk.end] == one.chunk.text for one in stored)
    )
    if not agree:
        raise RagloopError(f"The chunks of {entry.uri} do not match its stored text.", hint=_HINT)
    return len(ids)
