"""A rebuild's commit: sources and texts are left alone, and the rows are the live manifest's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from core.ports import VectorIndex
from core.storage.documents import DocumentRepository
from core.types import CollectionSpec, ManifestEntry
from ingestion.commit import CollectionWriter
from ingestion.rebuild.plan import rebuilt_entry
from ingestion.staging import ReadDocument, ShardResult, StagedPlan, Staging


@dataclass(frozen=True)
class RebuildCommit:
    """Brings a rebuild's staged shards into its collection. Doing it twice is the same as doing it once."""

    index: VectorIndex
    documents: DocumentRepository
    spec: CollectionSpec
    live: Mapping[str, ManifestEntry]
    """The live collection's manifest, by document id."""

    def apply(self, staging: Staging) -> None:
        plan = staging.plan()
        # Nothing was converted: a row that is not the live one's is looked at again by the next ingestion.
        writer = CollectionWriter(self.index, self.documents, self.spec, plan, converter_fingerprint="")
        self.index.ensure(self.spec)
        deletes = writer.announce(self._results(plan, staging))
        writer.change(lambda: self._results(plan, staging), deletes)
        for result in self._results(plan, staging):
            writer.record(result, [self._entry(one) for one in result.read])
        writer.forget()
        settled = [entry for entry in plan.settled if entry.document_id in self.live]
        self.documents.save_entries(self.spec.name, plan.run_id, settled)

    def _results(self, plan: StagedPlan, staging: Staging) -> Iterator[ShardResult]:
        """Each shard's result, without documents that were deleted since they were read: an erased text must not come
        back."""
        for number in range(plan.shards):
            result = staging.done(number)
            read = tuple(one for one in result.read if one.document.id in self.live)
            rejected = tuple(one for one in result.rejected if one.planned.item.document_id in self.live)
            yield replace(result, read=read, rejected=rejected)

    def _entry(self, one: ReadDocument) -> ManifestEntry:
        document = one.document
        return rebuilt_entry(self.live[document.id], document.content_sha256, document.access, len(one.chunks))
