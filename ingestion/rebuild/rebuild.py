"""A new index beside the live one: the same documents, split or embedded in another way.

Like the ingestion of a source, whose steps it shares: plan, process, commit, verify, report. The source is the live
collection's manifest and the stored texts, so no file is read and nothing is converted. The live collection is only
looked at. A rebuild that was killed is done by running it again: what was embedded is remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import ConflictError, FailureKind
from core.ports import Embedder, Splitter
from core.progress import NoProgress, Progress
from core.storage.documents import DocumentRepository
from core.text.personal_data import PersonalDataPolicy
from core.types import AccessScope, CollectionSpec, DocumentState, ManifestEntry, chunk_id
from ingestion.converters.worker import Outcome, Rejected, split
from ingestion.pipeline import WAIT_SECONDS, Stores, writing
from ingestion.plan import Diff, PlannedItem, shards
from ingestion.rebuild.commit import RebuildCommit
from ingestion.rebuild.plan import rebuild_diff
from ingestion.rebuild.point_verification import PointVerifier, Verified
from ingestion.report import finished_report, planned_report
from ingestion.shards import ShardProcessor
from ingestion.source_reader import FileOutcome, Pending
from ingestion.staging import StagedPlan, Staging, remove_abandoned
from retrieval.locks import exclusive_lock


@dataclass(frozen=True)
class Rebuild:
    """Fills the collection of `spec` with the documents of the live one. `home` has the staged files and the locks."""

    home: Path
    spec: CollectionSpec
    live: Callable[[], CollectionSpec]
    """Which collection answers now. Raises NotFoundError while nothing has been ingested."""
    open_embedder: Callable[[], Embedder]
    splitter: Splitter
    stores: Stores
    max_chunks: int
    """Of one step of a rebuild."""

    def run(self, progress: Progress | None = None) -> dict[str, Any]:
        """Build the collection or bring it up to date, check every point of it, and return the report.

        Documents may be ingested meanwhile: what changed is caught up with in the end. Raises ConflictError when the
        collection is the live one or is being rebuilt already, RagloopError when a check fails.
        """
        progress = progress or NoProgress()
        # One folder of staged files for each collection: what a killed rebuild left is replaced by the next.
        run_id = f"rebuild-{self.spec.name}"
        with exclusive_lock(self.home / "rebuild.lock", "rebuild an index", 0):
            progress.step("Comparing")
            plan = self.plan(run_id)
            progress.step("Splitting and embedding")
            self.process(run_id, range(plan.shards), progress)
            progress.step("Committing")
            self.commit(run_id)
            progress.step("Verifying every chunk")
            verified = self.verify(run_id)
            return {**self.report(run_id), "verified": verified.as_json()}

    def dry_run(self) -> dict[str, Any]:
        """The report of what a rebuild would do. Loads no model, writes nothing."""
        live = self._live()
        return planned_report(self._staged_plan("dry-run", live, self._difference(live), 0))

    def plan(self, run_id: str) -> StagedPlan:
        """Stage what there is to do. Raises as `run` does."""
        remove_abandoned(self._staging_root)
        return self._plan(run_id, self._live())

    def process(self, run_id: str, numbers: Iterable[int], progress: Progress | None = None) -> None:
        """Split, embed and stage these shards; those done before are passed over."""
        staging = self._staging(run_id)
        todo = [number for number in numbers if not staging.is_done(number)]
        if not todo:
            return
        self._pinned(staging)
        with _StoredTexts(self.stores.documents, self.splitter) as reader:
            processor = ShardProcessor(reader, self.open_embedder, self.stores.memo, staging, self.max_chunks)
            processor.process(todo, progress or NoProgress())

    def commit(self, run_id: str) -> None:
        """Put the run's work into the new collection, in one step."""
        with self._writing():
            self._commit(run_id)

    def verify(self, run_id: str) -> Verified:
        """Catch up with documents that changed since the run was planned, then compare every point of the collection
        with what it should be. Raises RagloopError at the first difference."""
        with self._writing():
            staging = self._staging(run_id)
            live = staging.plan().source
            late = self._plan(_late(run_id), live)
            self.process(_late(run_id), range(late.shards))
            self._commit(_late(run_id))
            written = bool(staging.plan().shards or late.shards)
            return self._verifier(live).verify(run_id, self.open_embedder if written else None)

    def report(self, run_id: str) -> dict[str, Any]:
        """Clear the run's staged files away and return its report."""
        staging, late = self._staging(run_id), self._staging(_late(run_id))
        late_plan = late.plan()
        report = finished_report(replace(staging.plan(), settled=late_plan.settled), staging)
        caught_up = late_plan.new + late_plan.changed + len(late_plan.vanished)
        report["chunks"]["embedded"] += sum(late.done(number).embedded for number in range(late_plan.shards))
        late.remove()
        staging.remove()
        return {**report, "caught_up": caught_up}

    # -- planning

    def _live(self) -> str:
        """The live collection's name. Raises ConflictError if it is the one to be built."""
        live = self.live()
        if live.name == self.spec.name:
            raise ConflictError(
                f"The live index {live.name} is just that: {live.splitter} chunks, {live.embedder}, {live.language}.",
                hint="Say what is to be different: --chunk-tokens, --embedder or --language. To bring documents up to "
                "date, run `ragloop ingest FOLDER`.",
            )
        return live.name

    def _plan(self, run_id: str, live: str) -> StagedPlan:
        difference = self._difference(live)
        portions = list(shards(difference.work))
        plan = self._staged_plan(run_id, live, difference, len(portions))
        self._staging(run_id).write_plan(plan, portions)
        return plan

    def _difference(self, live: str) -> Diff:
        documents = self.stores.documents
        entries = documents.entries(live)
        return rebuild_diff(
            entries,
            documents.entries(self.spec.name),
            documents.versions(),
            self.stores.indexed(self.spec.name),
            self._certain(live, entries),
        )

    def _certain(self, live: str, entries: Mapping[str, ManifestEntry]) -> set[str]:
        """Pending documents of which the live index holds the very version whose text is stored: its ingestion was
        killed before it changed anything, or after it had changed everything but the row."""
        first = [chunk_id(key, 0) for key, entry in entries.items() if entry.state is DocumentState.PENDING]
        if not first or live not in self.stores.index.collections():
            return set()
        found = self.stores.index.fetch(live, first, AccessScope.everything())
        texts = ((one, self.stores.documents.get(one.chunk.document_id)) for one in found)
        return {
            text.id
            for one, text in texts
            if text is not None and (text.content_sha256, text.access) == (one.content_sha256, one.access)
        }

    def _staged_plan(self, run_id: str, live: str, difference: Diff, portions: int) -> StagedPlan:
        new = sum(planned.is_new for planned in difference.work)
        return StagedPlan(
            run_id=run_id,
            source=live,
            root="",
            access=(),
            personal_data=PersonalDataPolicy.KEEP,  # of texts that were converted under their source's policy
            collection=self.spec.name,
            shards=portions,
            unchanged=difference.unchanged,
            partial=difference.partial,
            settled=difference.settled,
            vanished=difference.vanished,
            new=new,
            changed=len(difference.work) - new,
            skipped={},
            left_alone=(),
            started_at=time.time(),
        )

    # -- writing

    def _commit(self, run_id: str) -> None:
        staging = self._staging(run_id)
        self._pinned(staging)
        self._live()  # it may have been promoted since: then ingestion alone writes to it
        live = self.stores.documents.entries(staging.plan().source)
        RebuildCommit(self.stores.index, self.stores.documents, self.spec, live).apply(staging)

    def _pinned(self, staging: Staging) -> None:
        """Raises ConflictError if the run was planned for another collection: what this one has in common with the live
        index is looked up anew in every process, and another release may have been promoted in between."""
        if staging.plan().collection != self.spec.name:
            raise ConflictError(
                f"Another release was promoted while the index {staging.plan().collection} was being built.",
                hint="Start the rebuild again.",
            )

    def _verifier(self, live: str) -> PointVerifier:
        return PointVerifier(self.stores.index, self.stores.documents, self.splitter, self.spec, live)

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self.home, WAIT_SECONDS)

    @property
    def _staging_root(self) -> Path:
        return self.home / "staging"

    def _staging(self, run_id: str) -> Staging:
        return Staging(self._staging_root, run_id)


class _StoredTexts:
    """Reads documents from the database and splits them, ahead of the embedding, in a thread of its own."""

    def __init__(self, documents: DocumentRepository, splitter: Splitter) -> None:
        self._documents = documents
        self._splitter = splitter
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="splitting")

    def __call__(self, planned: PlannedItem) -> Pending:
        future = self._pool.submit(self._read, planned)
        return lambda: FileOutcome([(planned, future.result())])

    def _read(self, planned: PlannedItem) -> Outcome:
        document = self._documents.get(planned.item.document_id)
        if document is None:
            return Rejected(planned.item, FailureKind.UNREADABLE, "It was deleted meanwhile.")
        return split(document, planned.item, self._splitter)

    def __enter__(self) -> _StoredTexts:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _late(run_id: str) -> str:
    """The id of the round that catches up with what changed during a run."""
    return f"{run_id}-late"
