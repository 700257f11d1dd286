"""Deleting one document everywhere: what an erasure request asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import NotFoundError
from core.ports import VectorIndex
from core.storage.documents import DocumentRepository, EmbeddingMemo
from core.types import AccessScope, Document, chunk_id, document_id
from ingestion.embedding import text_sha256
from ingestion.staging import remove_document

EraseTraces = Callable[[Sequence[Document], Mapping[str, int]], Mapping[str, int]]
"""Removes what answers, votes and cases took over from the documents, whose texts are given as far as they are known,
and puts the erasure on record. Gets what the stores of documents hold of them, and returns what it found beyond."""


@dataclass(frozen=True)
class Deletion:
    """Removes a document, and what came with it, from every collection, the manifest, the stored texts, the embedding
    memo and the folder `staging`, where runs that were killed leave texts."""

    index: VectorIndex
    documents: DocumentRepository
    memo: EmbeddingMemo
    staging: Path

    def delete(self, uri: str, erase_traces: EraseTraces) -> dict[str, int]:
        """The receipt: how much each store held. Raises NotFoundError when none held anything.

        Nothing can be answered from the documents any more when their traces are looked for, and their texts are there
        until they are erased. Killed in between, it can be run again: what leads to the rest is deleted last.
        """
        ids = [*self.documents.attached_to(uri), document_id(uri)]
        held = {name: self._held(name, ids) for name in self.index.collections()}
        holders = [(collection, each) for each in ids for collection in self.documents.holders(each)]
        texts = [text for each in ids if (text := self.documents.get(each)) is not None]
        receipt = {"memo": self._forget_vectors(held), "index": sum(sum(counts.values()) for counts in held.values())}
        for collection, counts in held.items():
            if counts:
                self.index.commit(collection, [], list(counts))
        receipt["staging"] = remove_document(self.staging, uri)
        receipt |= {"documents": len(texts), "manifest": len(holders)}
        receipt |= erase_traces(texts, receipt)
        if not any(receipt.values()):
            raise NotFoundError(f"There is no document {uri}.", hint="URIs look like handbook/team/index.md.")
        for collection in held:  # all: a version that ingestion has replaced is in the files of any
            self.index.purge(collection)
        self.documents.remove(ids)
        for collection in {name for name, _ in holders}:
            self.documents.remove_entries(collection, ids)
        return receipt

    def _held(self, collection: str, ids: Sequence[str]) -> dict[str, int]:
        """Chunks that the collection holds of each of the documents, of which it holds some."""
        counts = self.index.chunk_counts(collection)
        return {each: counts[each] for each in ids if each in counts}

    def _forget_vectors(self, held: Mapping[str, Mapping[str, int]]) -> int:
        hashes = set()
        for collection, counts in held.items():
            for document, count in counts.items():
                ids = [chunk_id(document, ordinal) for ordinal in range(count)]
                stored = self.index.fetch(collection, ids, AccessScope.everything())
                hashes |= {text_sha256(one.chunk.indexed_text) for one in stored}
        return self.memo.remove(sorted(hashes))
