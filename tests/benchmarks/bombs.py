"""Files that want much, each converted and split as an ingestion does it: `python -m tests.benchmarks.bombs [NAME …]`.

For each: what became of it and why, the seconds, the most memory that its worker took and that this process took, and
the seconds that what the parent does with the text took (its front matter; splitting is in the worker's seconds and
told beside them). A worker is held to RAGLOOP_CONVERT_MEMORY_MB and RAGLOOP_CONVERT_TIMEOUT_SECONDS.
"""

from __future__ import annotations

import fnmatch
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from core.ports import LocalFile
from core.settings import load_settings
from core.types import SourceItem
from ingestion.converters.sandbox import Sandbox
from ingestion.converters.worker import Converted, Job, Outcome, Rejected, Task
from ingestion.factory import open_pipeline
from ingestion.facts import facts_of
from tests.benchmarks import machine
from tests.benchmarks.run import save
from tests.support.bombs import BOMBS

_SAMPLED_EVERY = 0.01  # seconds


@dataclass(frozen=True, slots=True)
class BombRow:
    """What one file took. Memory in MiB: of the worker the most that it had resident beyond what it had before the
    file, of the parent as well; seconds by the clock."""

    name: str
    megabytes: float
    state: str
    reason: str
    seconds: float
    after: float
    worker: float
    parent: float


class _Memory:
    """The most memory that a process's children, or the process itself, had resident within a block."""

    def __init__(self, *, children: bool) -> None:
        self._children = children
        self._over = threading.Event()
        self._before: dict[int, int] = {}
        self.most = 0.0

    def __enter__(self) -> _Memory:
        for process in self._processes():
            self._before[process] = _resident(process, "VmRSS")
            Path(f"/proc/{process}/clear_refs").write_text("5")  # the most so far is forgotten
        self._sampler = threading.Thread(target=self._sample)
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLED_EVERY):
            for process in self._processes():
                grown = _resident(process, "VmHWM") - self._before.get(process, 0)
                self.most = max(self.most, grown / 1024) if process in self._before else self.most

    def _processes(self) -> list[int]:
        if not self._children:
            return [os.getpid()]
        tasks = Path("/proc/self/task").glob("*/children")
        return [int(process) for task in tasks for process in task.read_text().split()]


def _resident(process: int, name: str) -> int:
    """Kibibytes; 0 of a process that is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def measured(names: list[str]) -> list[BombRow]:
    """A row for each bomb whose name matches one of the patterns, in turn."""
    chosen = [name for name in BOMBS if any(fnmatch.fnmatch(name, pattern) for pattern in names)]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(home=Path(scratch))
        with open_pipeline(settings) as pipeline:
            job = Job(pipeline.converter, pipeline.splitter, pipeline.limits.chunks)
            with Sandbox(job, pipeline.limits, Path(scratch)) as sandbox:
                for name in chosen:
                    rows.append(_row(name, sandbox, Path(scratch)))
                    print(_line(rows[-1]), flush=True)
    return rows


def _row(name: str, sandbox: Sandbox, scratch: Path) -> BombRow:
    path = scratch / name
    path.write_bytes(BOMBS[name]())
    _outcome(sandbox, scratch / "small.txt", b"A worker is there.")
    with _Memory(children=True) as worker, _Memory(children=False) as parent:
        started = time.perf_counter()
        outcome = _outcome(sandbox, path)
        seconds = time.perf_counter() - started
        if isinstance(outcome, Converted):
            facts_of(outcome.document)
        after = time.perf_counter() - started - seconds
    size = path.stat().st_size / 1e6
    path.unlink()
    state, reason = _told(outcome)
    return BombRow(name, size, state, reason, seconds, after, worker.most, parent.most)


def _outcome(sandbox: Sandbox, path: Path, content: bytes | None = None) -> Outcome:
    if content is not None:
        path.write_bytes(content)
    task = Task(LocalFile(path, path.name), SourceItem(f"bench/{path.name}", "bench", "1", path.stat().st_size))
    return sandbox.outcome(task, sandbox.submit(task))


def _told(outcome: Outcome) -> tuple[str, str]:
    if isinstance(outcome, Rejected):
        return outcome.kind.value, outcome.reason
    assert isinstance(outcome, Converted)
    text = f"{len(outcome.document.text):,} characters, {len(outcome.chunks):,} chunks"
    return ("partial" if outcome.document.missing else "converted"), f"{text} {outcome.document.missing[:120]}".strip()


def _line(row: BombRow) -> str:
    figures = f"{row.seconds:6.1f}{row.after:7.2f}{row.worker:8.0f}{row.parent:8.0f}"
    return f"{row.name:30}{row.megabytes:8.2f}  {row.state:11}{figures}  {row.reason[:150]}"


def main() -> None:
    print(f"{'file':30}{'MB':>8}  {'state':11}{'s':>6}{'after':>7}{'worker':>8}{'parent':>8}  reason")
    rows = measured(sys.argv[1:] or ["*"])
    states = Counter(row.state for row in rows)
    slowest, largest = max(rows, key=lambda row: row.seconds), max(rows, key=lambda row: row.worker)
    print(f"{len(rows)} files: {', '.join(f'{count} {state}' for state, count in states.most_common())}")
    print(f"longest {slowest.seconds:.1f} s ({slowest.name}), most memory {largest.worker:.0f} MiB ({largest.name})")
    save({"machine": machine.describe(), "bombs": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
