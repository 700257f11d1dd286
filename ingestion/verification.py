"""Whether the index holds what the manifest says: counted in full, and looked at in samples."""

from __future__ import annotations

import random
from collections.abc import Mapping

from core.errors import RagloopError
from core.ports import VectorIndex
from core.storage.documents import DocumentRepository
from core.types import AccessScope, DocumentState, ManifestEntry, chunk_id

# Documents whose first and last chunk are compared with the stored text. Errors in spans are systematic: a few show it.
_SAMPLES = 20

_HINT = (
    "Run the ingestion again: it repairs documents that differ. Documents that the manifest does not know come from "
    "another installation that writes to the same index, or from before the database was replaced."
)


def verify(index: VectorIndex, documents: DocumentRepository, collection: str, seed: str) -> None:
    """Raises RagloopError when index and manifest, or chunks and texts, disagree. `seed` chooses the samples."""
    entries = documents.entries(collection)
    _verify_counts(entries, index.chunk_counts(collection))
    certain = sorted(key for key, entry in entries.items() if entry.state is DocumentState.INDEXED and entry.chunks)
    for document_id in random.Random(seed).sample(certain, min(_SAMPLES, len(certain))):  # noqa: S311 - a sample, no secret
        _verify_spans(index, documents, collection, entries[document_id])


def _verify_counts(entries: Mapping[str, ManifestEntry], counts: Mapping[str, int]) -> None:
    # Pending documents belong to another source's run that is under way, or was killed and will be repeated.
    expected = {
        key: entry.chunks for key, entry in entries.items() if entry.state is not DocumentState.PENDING and entry.chunks
    }
    pending = {key for key, entry in entries.items() if entry.state is DocumentState.PENDING}
    unknown = counts.keys() - expected.keys() - pending
    wrong = sorted(entries[key].uri for key, count in expected.items() if counts.get(key, 0) != count)
    if unknown or wrong:
        first = f", the first {wrong[0]}" if wrong else ""
        raise RagloopError(
            f"The index and the manifest disagree: {len(wrong)} documents have another number of chunks{first}; "
            f"{len(unknown)} are not in the manifest.",
            hint=_HINT,
        )


def _verify_spans(index: VectorIndex, documents: DocumentRepository, collection: str, entry: ManifestEntry) -> None:
    document = documents.get(entry.document_id)
    if document is not None and document.content_sha256 != entry.content_sha256:
        return  # another collection has read a newer version since
    ends = dict.fromkeys((0, entry.chunks - 1))
    ids = [chunk_id(entry.document_id, ordinal) for ordinal in ends]
    stored = index.fetch(collection, ids, AccessScope.everything())
    agree = (
        document is not None
        and len(stored) == len(ids)
        and all(one.content_sha256 == entry.content_sha256 for one in stored)
        and all(document.text[one.chunk.start : one.chunk.end] == one.chunk.text for one in stored)
    )
    if not agree:
        raise RagloopError(f"The chunks of {entry.uri} do not match its stored text.", hint=_HINT)
