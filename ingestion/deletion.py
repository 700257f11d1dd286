"""Deleting one document everywhere: what an erasure request asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import NotFoundError
from core.ports import VectorIndex
from core.storage.documents import DocumentRepository, EmbeddingMemo
from core.types import AccessScope, chunk_id, document_id
from ingestion.embedding import text_sha256
from ingestion.staging import remove_document


@dataclass(frozen=True)
class Deletion:
    """Removes a document from every collection, the manifest, the stored texts, the embedding memo and the folder
    `staging`, where runs that were killed leave texts."""

    index: VectorIndex
    documents: DocumentRepository
    memo: EmbeddingMemo
    staging: Path

    def delete(self, uri: str) -> dict[str, int]:
        """The receipt: how much each store held. Raises NotFoundError when none held anything.

        Killed in between, it can be run again: what leads to the rest is deleted last. A file that is still in its
        source comes back with the next ingestion.
        """
        document = document_id(uri)
        counts = {name: self.index.chunk_counts(name).get(document, 0) for name in self.index.collections()}
        holders = self.documents.holders(document)
        receipt = {"memo": self._forget_vectors(document, counts), "index": sum(counts.values())}
        for collection in (name for name, count in counts.items() if count):
            self.index.commit(collection, [], [document])
        receipt["staging"] = remove_document(self.staging, document)
        receipt["documents"] = self.documents.remove([document])
        receipt["manifest"] = len(holders)
        for collection in holders:
            self.documents.remove_entries(collection, [document])
        if not any(receipt.values()):
            raise NotFoundError(f"There is no document {uri}.", hint="URIs look like handbook/team/index.md.")
        return receipt

    def _forget_vectors(self, document: str, counts: dict[str, int]) -> int:
        hashes = set()
        for collection, count in counts.items():
            ids = [chunk_id(document, ordinal) for ordinal in range(count)]
            stored = self.index.fetch(collection, ids, AccessScope.everything())
            hashes |= {text_sha256(one.chunk.indexed_text) for one in stored}
        return self.memo.remove(sorted(hashes))
