"""The moment at which a run becomes visible: one commit to the index, between two writes to the manifest.

First every document that the commit touches is written down as pending, then the index changes in one step, then texts
and manifest follow. Killed in between, the next run finds the pending rows and does those documents again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from core.ports import VectorIndex
from core.storage.documents import DocumentRepository
from core.storage.loop.erasures import ErasedSubjects
from core.types import CollectionSpec, DocumentState, EmbeddedDocument, ManifestEntry
from ingestion.plan import PlannedItem
from ingestion.staging import ReadDocument, RejectedDocument, ShardResult, StagedPlan, Staging


@dataclass(frozen=True)
class Commit:
    """Brings one run's staged shards into the index and the manifest. Doing it twice is the same as doing it once."""

    index: VectorIndex
    documents: DocumentRepository
    spec: CollectionSpec
    converter_fingerprint: str
    kept_out: ErasedSubjects = field(default=ErasedSubjects(), kw_only=True)
    """URIs that may not come back, though the run was planned before they were erased."""

    def apply(self, staging: Staging) -> None:
        plan = staging.plan()
        self.index.ensure(self.spec)
        self._save_source(plan)
        deletes = self._announce(plan, staging)
        if deletes or any(result.read for result in self._results(plan, staging)):
            self.index.commit(self.spec.name, self._upserts(plan, staging), deletes)
        for result in self._results(plan, staging):
            self._save_texts(plan, result)
            self._record(plan, result)
        self._forget(plan)

    def _results(self, plan: StagedPlan, staging: Staging) -> Iterator[ShardResult]:
        """Each shard's result, one in memory at a time."""
        for number in range(plan.shards):
            result = staging.done(number)
            yield replace(result, read=tuple(one for one in result.read if one.document.uri not in self.kept_out))

    def _save_source(self, plan: StagedPlan) -> None:
        self.documents.save_source(plan.source, plan.root)

    def _save_texts(self, plan: StagedPlan, result: ShardResult) -> None:
        self.documents.save(plan.source, self.converter_fingerprint, [one.document for one in result.read])

    def _upserts(self, plan: StagedPlan, staging: Staging) -> Iterator[EmbeddedDocument]:
        for result in self._results(plan, staging):
            for one in result.read:
                yield EmbeddedDocument(
                    document_id=one.document.id,
                    source=one.planned.item.source,
                    content_sha256=one.document.content_sha256,
                    access=one.document.access,
                    chunks=one.chunks,
                    vectors=one.vectors,
                )

    def _announce(self, plan: StagedPlan, staging: Staging) -> list[str]:
        """Write down what is about to change, and return the documents to delete from the index."""
        deletes = [entry.document_id for entry in plan.vanished]
        pending = [replace(entry, state=DocumentState.PENDING) for entry in plan.vanished]
        for result in self._results(plan, staging):
            lost = [one for one in result.rejected if not one.planned.has_good_version and _may_be_indexed(one.planned)]
            deletes += [one.planned.item.document_id for one in lost]
            pending += [_pending(one.planned) for one in result.read]
            pending += [_pending(one.planned) for one in lost]
        self.documents.save_entries(self.spec.name, plan.run_id, pending)
        return deletes

    def _record(self, plan: StagedPlan, result: ShardResult) -> None:
        lost = [one.planned.item.document_id for one in result.rejected if not one.planned.has_good_version]
        self._remove_texts(document_id for document_id in lost if self._is_only_here(document_id))
        entries = [self._read_entry(one) for one in result.read]
        entries += [self._entry(planned, DocumentState.INDEXED) for planned in result.same]
        entries += [self._rejected_entry(one) for one in result.rejected]
        self.documents.save_entries(self.spec.name, plan.run_id, entries)

    def _forget(self, plan: StagedPlan) -> None:
        """The vanished: texts first, the manifest rows that lead to them last."""
        vanished = [entry.document_id for entry in plan.vanished]
        self._remove_texts(document_id for document_id in vanished if self._is_only_here(document_id))
        self.documents.remove_entries(self.spec.name, vanished)

    def _remove_texts(self, document_ids: Iterable[str]) -> None:
        self.documents.remove(list(document_ids))

    def _is_only_here(self, document_id: str) -> bool:
        """Whether no other collection, such as that of a release kept for rollback, has the document too."""
        return all(holder == self.spec.name for holder in self.documents.holders(document_id))

    def _read_entry(self, one: ReadDocument) -> ManifestEntry:
        entry = self._entry(one.planned, DocumentState.INDEXED)
        return replace(entry, content_sha256=one.document.content_sha256, chunks=len(one.chunks))

    def _rejected_entry(self, one: RejectedDocument) -> ManifestEntry:
        good = one.planned.has_good_version
        entry = self._entry(one.planned, DocumentState.FAILED)
        return replace(
            entry,
            content_sha256=entry.content_sha256 if good else "",
            chunks=entry.chunks if good else 0,
            failure_kind=one.kind.value,
            failure_reason=one.reason,
        )

    def _entry(self, planned: PlannedItem, state: DocumentState) -> ManifestEntry:
        item = planned.item
        return ManifestEntry(
            document_id=item.document_id,
            uri=item.uri,
            source=item.source,
            etag=item.etag,
            content_sha256=planned.known_sha256 or "",
            converter_fingerprint=self.converter_fingerprint,
            state=state,
            chunks=planned.known_chunks,
            access=item.access,
        )


def _pending(planned: PlannedItem) -> ManifestEntry:
    """What was known of the document, in doubt."""
    item = planned.item
    return ManifestEntry(
        document_id=item.document_id,
        uri=item.uri,
        source=item.source,
        etag="",
        content_sha256=planned.known_sha256 or "",
        converter_fingerprint="",
        state=DocumentState.PENDING,
        chunks=planned.known_chunks,
        access=planned.known_access or item.access,
    )


def _may_be_indexed(planned: PlannedItem) -> bool:
    return planned.known_chunks > 0 or planned.in_doubt
