"""Files on their way from the source to the sandbox, and what came with them after them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from core.errors import ConversionError, FailureKind
from core.ports import LocalFile, Source
from core.storage.loop.erasures import ErasedSubjects
from core.text.document_uri import ATTACHED, file_uri
from core.types import ManifestEntry
from ingestion.converters.content import RawFile
from ingestion.converters.mail.attached import AttachedFile
from ingestion.converters.sandbox import Limits, Sandbox
from ingestion.converters.worker import Converted, Outcome, Rejected, Task
from ingestion.plan import PlannedItem, diff_attached

# What came with one file is read this many at a time, so that little is asked for that its budget does not allow.
_AHEAD = 8

# What came with one file makes as many chunks and takes as long as this many files may: one mailbox, of which each
# message may be hostile, neither fills the memory nor holds up a run.
_AS_MANY = 10


@dataclass(slots=True)
class FileOutcome:
    """What became of a file and of what came with it. Of the latter, `kept` was not read, being as it was, and `gone`
    is no longer there."""

    outcomes: list[tuple[PlannedItem, Outcome]]
    kept: list[ManifestEntry] = field(default_factory=list)
    gone: list[ManifestEntry] = field(default_factory=list)

    def add(self, other: FileOutcome) -> None:
        self.outcomes += other.outcomes
        self.kept += other.kept
        self.gone += other.gone


Pending = Callable[[], FileOutcome]
"""Waits for a document that is being read, and says what became of it."""


class _Budget:
    """What is left for all that came with one file."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._chunks = _AS_MANY * limits.chunks
        self._until = float("inf")

    def spend(self, chunks: int) -> None:
        self._chunks -= chunks

    def begin(self) -> None:
        """Let the time count, from when the first was read: until then others were before it."""
        if self._until == float("inf"):
            self._until = time.monotonic() + _AS_MANY * self._limits.timeout_seconds

    def refusal(self, planned: PlannedItem) -> Rejected | None:
        whole = f"All that came with {file_uri(planned.item.uri)}"
        if self._chunks < 0:
            reason = f"{whole} makes more than {_AS_MANY * self._limits.chunks:,} chunks: this was not read."
            return Rejected(planned.item, FailureKind.TOO_LARGE, reason)
        if time.monotonic() > self._until:
            reason = f"{whole} took longer than {_AS_MANY * self._limits.timeout_seconds:g} seconds: this was not read."
            return Rejected(planned.item, FailureKind.TIMEOUT, reason)
        return None


@dataclass(frozen=True)
class SourceReader:
    """Reads documents from their source: fetched here, converted and split in the sandbox. What comes with a document
    that could be read follows, each by itself, so that none does harm to the others."""

    source: Source
    sandbox: Sandbox
    limits: Limits
    converter_fingerprint: str
    kept_out: ErasedSubjects

    def __call__(self, planned: PlannedItem) -> Pending:
        try:
            file = self.source.fetch(planned.item)
        except ConversionError as error:
            rejected = Rejected(planned.item, error.kind, error.message)
            return lambda: _settled(planned, rejected)
        return self._begin(planned, (planned.item.uri,), file, _Budget(self.limits))

    def _begin(
        self, planned: PlannedItem, uris: tuple[str, ...], file: LocalFile | RawFile, budget: _Budget
    ) -> Pending:
        """`uris` are all under which the document may have been known."""
        task = Task(file, planned.item, None if planned.reread else planned.known_sha256, planned.opened)
        future: Future[Outcome] = self.sandbox.submit(task)
        return lambda: self._finish(planned, uris, self.sandbox.outcome(task, future), budget)

    def _finish(self, planned: PlannedItem, uris: tuple[str, ...], outcome: Outcome, budget: _Budget) -> FileOutcome:
        if outcome.attached is None:
            return _settled(planned, outcome)
        files: dict[str, tuple[AttachedFile, tuple[str, ...]]] = {}
        for one in outcome.attached:
            known = tuple(f"{uri}{ATTACHED}{name}" for uri in uris for name in one.names)
            if not any(uri in self.kept_out for uri in known):
                files[one.item.document_id] = one, known
        items = (one.item for one, _ in files.values())
        difference = diff_attached(planned, items, self.converter_fingerprint)
        reading = FileOutcome([(planned, _alone(outcome))], list(difference.kept), list(difference.gone))
        budget.spend(sum(entry.chunks for entry in difference.kept))
        waiting, running = deque(difference.work), deque[Pending]()
        while waiting or running:
            while waiting and len(running) < _AHEAD:
                next_one = waiting.popleft()
                running.append(self._begin_attached(next_one, *files.pop(next_one.item.document_id), budget))
            reading.add(running.popleft()())
        return reading

    def _begin_attached(
        self, planned: PlannedItem, attached: AttachedFile, uris: tuple[str, ...], budget: _Budget
    ) -> Pending:
        if refusal := budget.refusal(planned):
            return lambda: _settled(planned, refusal)
        begun = self._begin(planned, uris, attached.file, budget)

        def finished() -> FileOutcome:
            reading = begun()
            outcome = reading.outcomes[0][1]
            budget.begin()
            budget.spend(len(outcome.chunks) if isinstance(outcome, Converted) else 0)
            return reading

        return finished


def _settled(planned: PlannedItem, outcome: Outcome) -> FileOutcome:
    """What came with a document that was not opened is as it was, or goes with it."""
    stays = not isinstance(outcome, Rejected) or planned.has_good_version
    known = list(planned.attached)
    return FileOutcome([(planned, outcome)], known if stays else [], [] if stays else known)


def _alone(outcome: Outcome) -> Outcome:
    """Without the bytes of what came with it, which are not needed any more."""
    if isinstance(outcome, Converted):
        return replace(outcome, attached=())
    return replace(outcome, attached=None)
