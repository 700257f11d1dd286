"""The moment at which a run becomes visible: one commit to the index, between two writes to the manifest.

First every document that the commit touches is written down as pending, then the index changes in one step, then texts
and manifest follow. Killed in between, the next run finds the pending rows and does those documents again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from core.ports import VectorIndex
from core.storage.documents import DocumentRepository
from core.storage.loop.erasures import ErasedSubjects
from core.text.document_uri import parent_uri
from core.text.personal_data import PersonalDataPolicy
from core.types import CollectionSpec, DocumentState, EmbeddedDocument, ManifestEntry
from ingestion.facts import facts_of, wording_of
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
        writer = CollectionWriter(self.index, self.documents, self.spec, plan, self.converter_fingerprint)
        self.index.ensure(self.spec)
        deletes = writer.announce(self._results(plan, staging))
        # Behind the announcement: whoever finds the new policy finds what it has not been carried out on.
        self.documents.save_source(plan.source, plan.root, plan.personal_data)
        writer.change(lambda: self._results(plan, staging), deletes)
        if plan.personal_data is PersonalDataPolicy.MASK and any(map(_leaves_unmasked, self._results(plan, staging))):
            self.index.purge(self.spec.name)
        for result in self._results(plan, staging):
            self.documents.save(plan.source, self.converter_fingerprint, [one.document for one in result.read])
            writer.record(result, [self._entry(one) for one in result.read])
        writer.forget()

    def _results(self, plan: StagedPlan, staging: Staging) -> Iterator[ShardResult]:
        """Each shard's result, one in memory at a time."""
        for number in range(plan.shards):
            result = staging.done(number)
            yield replace(result, read=tuple(one for one in result.read if not self._is_kept_out(one.document.uri)))

    def _is_kept_out(self, uri: str) -> bool:
        return uri in self.kept_out or (bool(uri) and self._is_kept_out(parent_uri(uri)))

    def _entry(self, one: ReadDocument) -> ManifestEntry:
        entry = _known(one.planned, DocumentState.INDEXED, self.converter_fingerprint)
        document = one.document
        return replace(entry, content_sha256=document.content_sha256, chunks=len(one.chunks), missing=document.missing)


@dataclass(frozen=True)
class CollectionWriter:
    """What every commit does to a collection, step by step: `announce`, `change`, then `record` for each result, then
    `forget`."""

    index: VectorIndex
    documents: DocumentRepository
    spec: CollectionSpec
    plan: StagedPlan
    converter_fingerprint: str

    def change(self, results: Callable[[], Iterable[ShardResult]], deletes: Sequence[str]) -> None:
        """Change the index, in one step. `results` begins anew at each call."""
        if deletes or any(result.read for result in results()):
            self.index.commit(self.spec.name, _upserts(results()), deletes)

    def record(self, result: ShardResult, read: Sequence[ManifestEntry]) -> None:
        """The manifest rows of a result; `read` are those of the documents that were read."""
        lost = [one.planned.item.document_id for one in result.rejected if not one.planned.has_good_version]
        self._remove_texts(lost)
        self._forget(result.gone)
        entries = [*read]
        entries += [_known(one, DocumentState.INDEXED, self.converter_fingerprint) for one in result.same]
        entries += [_rejected(one, self.converter_fingerprint) for one in result.rejected]
        self.documents.save_entries(self.spec.name, self.plan.run_id, entries)

    def forget(self) -> None:
        """The vanished: texts first, the manifest rows that lead to them last."""
        self._forget(self.plan.vanished)

    def announce(self, results: Iterable[ShardResult]) -> list[str]:
        """Write down what is about to change, and return the documents to delete from the index."""
        deletes = [entry.document_id for entry in self.plan.vanished]
        pending = [replace(entry, state=DocumentState.PENDING) for entry in self.plan.vanished]
        for result in results:
            deletes += [entry.document_id for entry in result.gone]
            pending += [replace(entry, state=DocumentState.PENDING) for entry in result.gone]
            lost = [one for one in result.rejected if not one.planned.has_good_version and _may_be_indexed(one.planned)]
            deletes += [one.planned.item.document_id for one in lost]
            pending += [_pending(one.planned) for one in result.read]
            pending += [_pending(one.planned) for one in lost]
        self.documents.save_entries(self.spec.name, self.plan.run_id, pending)
        return deletes

    def _forget(self, entries: Sequence[ManifestEntry]) -> None:
        gone = [entry.document_id for entry in entries]
        self._remove_texts(gone)
        self.documents.remove_entries(self.spec.name, gone)

    def _remove_texts(self, document_ids: Iterable[str]) -> None:
        self.documents.remove([each for each in document_ids if self._is_only_here(each)])

    def _is_only_here(self, document_id: str) -> bool:
        """Whether no other collection, such as that of a release kept for rollback, has the document too."""
        return all(holder == self.spec.name for holder in self.documents.holders(document_id))


def _leaves_unmasked(result: ShardResult) -> bool:
    planned = [*(one.planned for one in result.read), *(one.planned for one in result.rejected)]
    return any(one.leaves_unmasked for one in planned)


def _upserts(results: Iterable[ShardResult]) -> Iterator[EmbeddedDocument]:
    for result in results:
        for one in result.read:
            yield EmbeddedDocument(
                document_id=one.document.id,
                source=one.planned.item.source,
                content_sha256=one.document.content_sha256,
                access=one.document.access,
                chunks=one.chunks,
                vectors=one.vectors,
                facts=facts_of(one.document),
                wording=wording_of(one.document),
            )


def _known(planned: PlannedItem, state: DocumentState, converter_fingerprint: str) -> ManifestEntry:
    """The row of a document of which the index holds what it held before."""
    item = planned.item
    return ManifestEntry(
        document_id=item.document_id,
        uri=item.uri,
        source=item.source,
        etag=item.etag,
        content_sha256=planned.known_sha256 or "",
        converter_fingerprint=converter_fingerprint,
        state=state,
        chunks=planned.known_chunks,
        access=item.access,
        missing=planned.known_missing,
    )


def _rejected(one: RejectedDocument, converter_fingerprint: str) -> ManifestEntry:
    good = one.planned.has_good_version
    entry = _known(one.planned, DocumentState.FAILED, converter_fingerprint)
    return replace(
        entry,
        content_sha256=entry.content_sha256 if good else "",
        chunks=entry.chunks if good else 0,
        missing=entry.missing if good else "",
        failure_kind=one.kind.value,
        failure_reason=one.reason,
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
