"""Converting hostile files without being harmed: in processes that may run out of memory, hang, or crash.

with Sandbox(job, limits, scratch) as sandbox:
    future = sandbox.submit(task)
    outcome = sandbox.outcome(task, future)   # Converted, SameBytes or Rejected; never the crash itself
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import process
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import ModuleType, TracebackType

from pebble import ProcessExpired, ProcessPool

from core.errors import FailureKind
from core.settings import Settings
from ingestion.converters.worker import EXIT_OUT_OF_MEMORY, Job, Outcome, Rejected, Task, enter, perform

# Parsers leak a little; a fresh worker costs a second.
_TASKS_PER_WORKER = 500

# What the allocators of Rust and C++ write before they abort, and with a backtrace, behind it.
_OUT_OF_MEMORY = ("memory allocation of", "bad_alloc", "Out of memory")
_LAST_WORDS = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take and make, and how many are converted at a time."""

    timeout_seconds: float
    memory_bytes: int
    chunks: int
    workers: int = 1

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(
            timeout_seconds=settings.convert_timeout_seconds,
            memory_bytes=settings.convert_memory_mb * 2**20,
            chunks=settings.max_document_chunks,
            workers=settings.convert_workers,
        )


class _Worker(SpawnProcess):
    """A process that does not import the program that starts it once more: Airflow's takes five seconds to import, and
    a script may lack the guard that multiprocessing asks for."""

    def start(self) -> None:
        program = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = program


class _WorkerContext(SpawnContext):
    Process = _Worker


class Sandbox:
    """A pool of workers that start on first use. `scratch` is an existing folder for their output."""

    def __init__(self, job: Job, limits: Limits, scratch: Path) -> None:
        _become_ordinary()
        self._limits = limits
        self._logs = tempfile.TemporaryDirectory(prefix="workers-", dir=scratch)
        self._pool = ProcessPool(
            max_workers=limits.workers,
            max_tasks=_TASKS_PER_WORKER,
            initializer=enter,
            initargs=(job, limits.memory_bytes, Path(self._logs.name), os.getpid()),
            # Never forked from this process: that would copy the locks of the embedding runtime's threads, but not the
            # threads. Nor from a fork server: each worker holds open what tells the server that this process is dead.
            context=_WorkerContext(),
        )

    def submit(self, task: Task) -> Future[Outcome]:
        future: Future[Outcome] = self._pool.schedule(perform, args=(task,), timeout=self._limits.timeout_seconds)
        return future

    def outcome(self, task: Task, future: Future[Outcome]) -> Outcome:
        """Waits for the file and says what became of it."""
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, BrokenProcessPool):
            raise error  # no worker can be started: that is not this file's fault
        kind, reason = self._explain(error)
        return Rejected(task.item, kind, reason)

    def _explain(self, error: BaseException) -> tuple[FailureKind, str]:
        memory = f"Reading it took more than {self._limits.memory_bytes // 2**20} MB of memory."
        if isinstance(error, TimeoutError):
            return FailureKind.TIMEOUT, f"Reading it took longer than {self._limits.timeout_seconds:g} seconds."
        if not isinstance(error, ProcessExpired):
            return FailureKind.CRASHED, f"The converter failed: {type(error).__name__}: {str(error)[:300]}"
        last_words = self._last_words(error.pid)
        if error.exitcode == EXIT_OUT_OF_MEMORY or any(words in last_words for words in _OUT_OF_MEMORY):
            return FailureKind.MEMORY, memory
        # PDFium aborts without a word when it gets no memory; whatever else aborts says why.
        if error.exitcode == -signal.SIGKILL or (error.exitcode == -signal.SIGABRT and not last_words):
            return FailureKind.MEMORY, "The converter ended without a word, most likely for want of memory."
        return FailureKind.CRASHED, f"The converter crashed ({_exit(error.exitcode)})."

    def _last_words(self, worker: int | None) -> str:
        log = Path(self._logs.name) / str(worker)
        return log.read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace") if log.exists() else ""

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is still under way is wanted by nobody.
        self._pool.stop()
        self._pool.join()
        self._logs.cleanup()


def _exit(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _become_ordinary() -> None:
    """A task on a Celery worker is forked from one of its processes and takes itself for that: a process of billiard's,
    which may have no children and whose key no child can be given. Take ourselves for what a program starts as."""
    if not isinstance(process.current_process(), process.BaseProcess):
        ordinary = process.BaseProcess(name="MainProcess")
        ordinary.daemon = False
        ordinary.authkey = os.urandom(32)
        vars(process)["_current_process"] = ordinary
