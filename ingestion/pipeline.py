"""The ingestion transaction: plan, process, commit, verify, report.

Each step can run in a process of its own (an Airflow task); what passes between them is the run's staging folder.
`Pipeline.run` does all of them in this process.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import ConflictError, NotFoundError, RagloopError
from core.ports import Embedder, Source, Splitter, VectorIndex
from core.progress import NoProgress, Progress
from core.storage.documents import DocumentRepository, EmbeddingMemo, RunRepository
from core.storage.loop.erasures import ErasureRepository, Subject
from core.text.personal_data import PersonalDataPolicy
from core.types import CollectionSpec
from ingestion.commit import Commit
from ingestion.converters.registry import FileConverter
from ingestion.converters.sandbox import Limits, Sandbox
from ingestion.converters.worker import Job
from ingestion.plan import PlannedItem, diff, refuse_mass_deletion, shards
from ingestion.report import finished_report, planned_report
from ingestion.shards import ShardProcessor
from ingestion.source_reader import SourceReader
from ingestion.sources.registry import open_source
from ingestion.staging import StagedPlan, Staging, remove_abandoned
from ingestion.verification import ComparedTexts, verify, verify_all
from retrieval.locks import exclusive_lock

# How long a step waits for another run's commit to end; writing a large index takes minutes.
WAIT_SECONDS = 600


@dataclass(frozen=True)
class Permissions:
    """What a person decided for a run: what it may do that it otherwise refuses, and what becomes of personal data:
    None is what was decided for the source before, at first to keep it."""

    mass_delete: bool = False
    relocated: bool = False
    personal_data: PersonalDataPolicy | None = None


@dataclass(frozen=True)
class Stores:
    """Where a pipeline keeps what it knows."""

    index: VectorIndex
    documents: DocumentRepository
    memo: EmbeddingMemo
    runs: RunRepository
    erasures: ErasureRepository

    def indexed(self, collection: str) -> dict[str, int]:
        """Chunks by document as the index has them: what it lost is done again."""
        try:
            return self.index.chunk_counts(collection)
        except NotFoundError:
            return {}


@dataclass(frozen=True)
class Pipeline:
    """Ingestion into the collection of `spec`. `home` is an existing folder for staged files and the lock."""

    home: Path
    spec: CollectionSpec
    open_embedder: Callable[[], Embedder]
    """Loads the model, which planning and committing do without."""
    splitter: Splitter
    converter: FileConverter
    stores: Stores
    limits: Limits
    max_chunks: int
    """Of one step of a run."""
    open_sandbox: Callable[[Job, Limits, Path], Sandbox] = Sandbox

    def run(
        self,
        source: Source,
        *,
        permissions: Permissions = Permissions(),
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Bring the collection up to date with the source, and return the report.

        Raises UnavailableError when the source cannot be listed, ConflictError when another run is under way or the
        run would do what `permissions` does not allow.
        """
        progress = progress or NoProgress()
        with self._alone(wait_seconds=0):
            run_id = new_run_id()
            progress.step("Comparing")
            plan = self.plan(source, run_id, permissions=permissions)
            try:
                progress.step("Reading and embedding")
                self.process(source, run_id, range(plan.shards), progress)
                progress.step("Committing")
                self._commit(run_id)
                progress.step("Verifying")
                self.verify(run_id)
                return self.report(run_id)
            except RagloopError as error:
                self.stores.runs.finish(run_id, "failed", {"error": error.message, "hint": error.hint})
                raise

    def dry_run(self, source: Source, *, permissions: Permissions = Permissions()) -> dict[str, Any]:
        """The report of what a run would do. Reads no document, loads no model, writes nothing."""
        return planned_report(self._planned(source, "dry-run", permissions)[0])

    def plan(self, source: Source, run_id: str, *, permissions: Permissions = Permissions()) -> StagedPlan:
        """Stage what there is to do. Raises as `run` does."""
        plan, portions = self._planned(source, run_id, permissions)
        remove_abandoned(self._staging_root)
        self._staging(run_id).write_plan(plan, portions)
        self.stores.runs.start(run_id, source.name, self.spec.name)
        return plan

    def process(self, source: Source, run_id: str, numbers: Iterable[int], progress: Progress | None = None) -> None:
        """Convert, split, embed and stage these shards; those done before are passed over."""
        staging = self._staging(run_id)
        todo = [number for number in numbers if not staging.is_done(number)]
        if not todo:
            return
        converter = self._converter(staging.plan().personal_data)
        job = Job(converter, self.splitter, self.limits.chunks)
        with self.open_sandbox(job, self.limits, staging.folder) as sandbox:
            kept_out = self.stores.erasures.subjects(Subject.KEPT_OUT)
            reader = SourceReader(source, sandbox, self.limits, converter.fingerprint, kept_out)
            processor = ShardProcessor(reader, self.open_embedder, self.stores.memo, staging, self.max_chunks)
            processor.process(todo, progress or NoProgress())

    def commit(self, run_id: str) -> None:
        """Make the run's work visible, in one step."""
        with self._alone(WAIT_SECONDS):
            self._commit(run_id)

    def verify(self, run_id: str) -> None:
        """Raises RagloopError when the index does not hold what the manifest says."""
        verify(self.stores.index, self.stores.documents, self.spec.name, run_id)

    def verify_all(self) -> ComparedTexts:
        """The same of every chunk of every document. Raises ConflictError while another process changes them: between
        the commit to the index and that of the texts they differ."""
        with self._alone(WAIT_SECONDS):
            return verify_all(self.stores.index, self.stores.documents, self.spec.name)

    def report(self, run_id: str) -> dict[str, Any]:
        """Record the run as finished, clear its staged files away, and return its report."""
        staging = self._staging(run_id)
        report = finished_report(staging.plan(), staging)
        self.stores.runs.finish(run_id, "finished", report)
        staging.remove()
        return report

    def source_of(self, run_id: str) -> Source:
        """The source of a staged run, for a step in another process."""
        plan = self._staging(run_id).plan()
        return open_source(plan.source, plan.root, plan.access)

    def _commit(self, run_id: str) -> None:
        stores, kept_out, staging = self.stores, self.stores.erasures.subjects(Subject.KEPT_OUT), self._staging(run_id)
        plan = staging.plan()
        fingerprint = self._converter(plan.personal_data).fingerprint
        Commit(stores.index, stores.documents, self.spec, fingerprint, kept_out=kept_out).apply(staging)

    def _converter(self, policy: PersonalDataPolicy) -> FileConverter:
        same = policy is self.converter.personal_data
        return self.converter if same else replace(self.converter, personal_data=policy)

    # -- planning

    def _planned(
        self, source: Source, run_id: str, permissions: Permissions
    ) -> tuple[StagedPlan, list[Sequence[PlannedItem]]]:
        started_at = time.time()
        self._check_root(source, permissions)
        entries = self.stores.documents.entries(self.spec.name, source.name)
        kept_out = self.stores.erasures.subjects(Subject.KEPT_OUT)
        offered = list(source.list())
        items = [item for item in offered if item.uri not in kept_out]
        before = self.stores.documents.personal_data_policy(source.name)
        policy = permissions.personal_data or before
        mask = PersonalDataPolicy.MASK
        unmasked = policy is mask and before is not mask
        fingerprint, indexed = self._converter(policy).fingerprint, self.stores.indexed(self.spec.name)
        difference = diff(items, entries, fingerprint, indexed, unmasked=unmasked)
        if not permissions.mass_delete:
            refuse_mass_deletion(source.name, entries, difference.vanished)
        new = sum(planned.is_new for planned in difference.work)
        portions = list(shards(difference.work))
        plan = StagedPlan(
            run_id=run_id,
            source=source.name,
            root=source.root,
            access=source.access,
            personal_data=policy,
            collection=self.spec.name,
            shards=len(portions),
            unchanged=difference.unchanged,
            partial=difference.partial,
            settled=difference.settled,
            vanished=difference.vanished,
            new=new,
            changed=len(difference.work) - new,
            skipped=source.skipped,
            left_alone=tuple(source.left_alone),
            kept_out=len(offered) - len(items),
            started_at=started_at,
        )
        return plan, portions

    def _check_root(self, source: Source, permissions: Permissions) -> None:
        known = self.stores.documents.source_root(source.name)
        if known is not None and known != source.root and not permissions.relocated:
            raise ConflictError(
                f"The source {source.name} is known from {known}; now it would be read from {source.root}.",
                hint="Give this one another name with --source, or add --relocated if the documents have moved.",
            )

    # -- files

    @property
    def _staging_root(self) -> Path:
        return self.home / "staging"

    def _staging(self, run_id: str) -> Staging:
        return Staging(self._staging_root, run_id)

    def _alone(self, wait_seconds: float) -> AbstractContextManager[None]:
        return writing(self.home, wait_seconds)


def writing(home: Path, wait_seconds: float) -> AbstractContextManager[None]:
    """Only one process of this machine at a time writes. Raises ConflictError when another does."""
    return exclusive_lock(home / "ingestion.lock", "change the collection's documents", wait_seconds)


def new_run_id() -> str:
    """A run's id: when it began, and something to tell it from others."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
