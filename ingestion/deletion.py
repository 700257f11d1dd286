"""Deleting one document everywhere: what an erasure request asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import NotFoundError
from core.ports import VectorIndex
from core.storage.documents import DocumentRepository, EmbeddingMemo
from core.types import AccessScope, Document, chunk_id, document_id
from ingestion.embedding import text_sha256
from ingestion.staging import remove_document

EraseTraces = Callable[[Document | None, Mapping[str, int]], Mapping[str, int]]
"""Removes what answers, votes and cases took over from the document, whose text is given if it is known, and puts the
erasure on record. Gets what the stores of documents hold of it, and returns what it found beyond."""


@dataclass(frozen=True)
class Deletion:
    """Removes a document from every collection, the manifest, the stored texts, the embedding memo and the folder
    `staging`, where runs that were killed leave texts."""

    index: VectorIndex
    documents: DocumentRepository
    memo: EmbeddingMemo
    staging: Path

    def delete(self, uri: str, erase_traces: EraseTraces) -> dict[str, int]:
        """The receipt: how much each store held. Raises NotFoundError when none held anything.

        Nothing can be answered from the document any more when its traces are looked for, and its text is there until
        they are erased. Killed in between, it can be run again: what leads to the rest is deleted last.
        """
        document = document_id(uri)
        counts = {name: self.index.chunk_counts(name).get(document, 0) for name in self.index.collections()}
        holders = self.documents.holders(document)
        text = self.documents.get(document)
        receipt = {"memo": self._forget_vectors(document, counts), "index": sum(counts.values())}
        for collection in (name for name, count in counts.items() if count):
            self.index.commit(collection, [], [document])
        receipt["staging"] = remove_document(self.staging, document)
        receipt |= {"documents": int(text is not None), "manifest": len(holders)}
        receipt |= erase_traces(text, receipt)
        if not any(receipt.values()):
            raise NotFoundError(f"There is no document {uri}.", hint="URIs look like handbook/team/index.md.")
        for collection in counts:  # all: a version that ingestion has replaced is in the files of any
            self.index.purge(collection)
        self.documents.remove([document])
        for collection in holders:
            self.documents.remove_entries(collection, [document])
        return receipt

    def _forget_vectors(self, document: str, counts: dict[str, int]) -> int:
        hashes = set()
        for collection, count in counts.items():
            ids = [chunk_id(document, ordinal) for ordinal in range(count)]
            stored = self.index.fetch(collection, ids, AccessScope.everything())
            hashes |= {text_sha256(one.chunk.indexed_text) for one in stored}
        return self.memo.remove(sorted(hashes))
