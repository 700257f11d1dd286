"""The sandbox survives what files can do to a parser, and says what happened."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import FailureKind
from core.ports import LocalFile
from core.settings import child_environment
from core.types import SourceItem
from ingestion.converters.sandbox import Limits, Sandbox
from ingestion.converters.worker import Converted, Job, Outcome, Rejected, SameBytes, Task
from ingestion.splitting.structure_splitter import StructureSplitter
from tests.fakes import FakeEmbedder
from tests.support.converters_that_misbehave import MisbehavingConverter
from tests.support.needs import Need, lacking

TIMEOUT = 2.0
PROJECT = Path(__file__).parents[2]

Perform = Callable[..., list[Outcome]]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    job = Job(MisbehavingConverter(10_000_000), StructureSplitter(FakeEmbedder(), 60, "fake"), 5000)
    limits = Limits(timeout_seconds=TIMEOUT, memory_bytes=400 * 2**20, chunks=5000)
    with Sandbox(job, limits, tmp_path_factory.mktemp("scratch")) as sandbox:
        yield sandbox


@pytest.fixture
def perform(sandbox: Sandbox, tmp_path: Path) -> Perform:
    def run(*actions: str, known_sha256: str | None = None) -> list[Outcome]:
        started = []
        for number, action in enumerate(actions):
            path = tmp_path / f"{number}.txt"
            path.write_text(action)
            task = Task(LocalFile(path, path.name), SourceItem(f"docs/{path.name}", "docs", "1", 1), known_sha256)
            started.append((task, sandbox.submit(task)))
        return [sandbox.outcome(task, future) for task, future in started]

    return run


def kind(outcome: Outcome) -> FailureKind:
    assert isinstance(outcome, Rejected), outcome
    return outcome.kind


def test_a_file_is_converted_and_split(perform: Perform) -> None:
    (outcome,) = perform("hello")

    assert isinstance(outcome, Converted)
    assert outcome.document.text.startswith("hello in process")
    assert str(os.getpid()) not in outcome.document.text
    assert [chunk.text for chunk in outcome.chunks] == [outcome.document.text]


def test_known_bytes_are_not_converted(perform: Perform) -> None:
    import hashlib

    (outcome,) = perform("segfault", known_sha256=hashlib.sha256(b"segfault").hexdigest())

    assert isinstance(outcome, SameBytes)


@pytest.mark.parametrize(
    ("action", "expected", "reason"),
    [
        ("segfault", FailureKind.CRASHED, "SIGSEGV"),
        ("exit 3", FailureKind.CRASHED, "exit code 3"),
        # The pool takes this for a worker that has done its tasks, until the time is up.
        ("exit 0", FailureKind.TIMEOUT, "2 seconds"),
        ("raise", FailureKind.CRASHED, "KeyError"),
        ("recurse", FailureKind.MALFORMED, "nested"),
        ("allocate 100", FailureKind.MEMORY, "400 MB"),
        ("abort memory allocation of 99 bytes failed", FailureKind.MEMORY, "400 MB"),
        ("abort terminate called after throwing an instance of 'std::bad_alloc'", FailureKind.MEMORY, "400 MB"),
        # Behind those two: what another worker said says nothing of this one.
        ("abort for a reason of its own", FailureKind.CRASHED, "SIGABRT"),
        ("give-up", FailureKind.MEMORY, "most likely"),
        ("loop", FailureKind.TIMEOUT, "2 seconds"),
    ],
)
def test_a_misbehaving_file_is_one_failure_and_the_next_is_read(
    perform: Perform, action: str, expected: FailureKind, reason: str
) -> None:
    bad, good = perform(action, "hello")

    assert kind(bad) is expected
    assert reason in bad.reason
    assert isinstance(good, Converted)


def test_a_worker_killed_from_outside_is_taken_for_want_of_memory(
    perform: Perform, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "sleep.txt"
    path.write_text("sleep 1.5")
    (first,) = perform("hello")
    assert isinstance(first, Converted)
    worker = int(first.document.text.rsplit(" ", 1)[1])
    task = Task(LocalFile(path, path.name), SourceItem("docs/sleep.txt", "docs", "1", 1))
    future = sandbox.submit(task)
    while not future.running():
        time.sleep(0.01)
    os.kill(worker, signal.SIGKILL)

    assert kind(sandbox.outcome(task, future)) is FailureKind.MEMORY


def test_what_its_interpreter_and_parsers_take_is_within_a_workers_memory(perform: Perform) -> None:
    (outcome,) = perform("allocate 36")

    assert kind(outcome) is FailureKind.MEMORY


def test_a_file_that_is_stuck_in_a_library_ends_when_its_time_is_up(perform: Perform) -> None:
    perform("hello")
    started = time.monotonic()
    (outcome,) = perform("stick")

    assert kind(outcome) is FailureKind.TIMEOUT
    assert time.monotonic() - started < TIMEOUT + 2  # the pool waits three seconds for one that does not listen


def test_memory_is_given_back_between_files(perform: Perform) -> None:
    outcomes = perform(*["allocate 15"] * 6)

    assert all(isinstance(outcome, Converted) for outcome in outcomes)


def test_what_parsers_print_does_not_reach_standard_output(perform: Perform, capfd: pytest.CaptureFixture[str]) -> None:
    perform("print")

    assert capfd.readouterr().out == ""


def test_a_worker_sees_no_network_where_the_system_allows_that(perform: Perform) -> None:
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        lacking(Need.UNSHARE)
    (outcome,) = perform("connect")

    assert isinstance(outcome, Converted)
    assert outcome.document.text == "interfaces lo"


def test_leaving_the_sandbox_ends_what_is_under_way(tmp_path: Path) -> None:
    path = tmp_path / "loop.txt"
    path.write_text("loop")
    job = Job(MisbehavingConverter(10_000), StructureSplitter(FakeEmbedder(), 60, "fake"), 5000)
    started = time.monotonic()
    with Sandbox(job, Limits(timeout_seconds=60, memory_bytes=200 * 2**20, chunks=5000), tmp_path) as sandbox:
        sandbox.submit(Task(LocalFile(path, path.name), SourceItem("docs/loop.txt", "docs", "1", 1)))
        time.sleep(1)

    assert time.monotonic() - started < 30  # not the 60 that it may take
    assert list(tmp_path.glob("workers-*")) == []


# A script without the guard that multiprocessing asks for: it must not be run again in the worker.
PARENT = """
import sys, time
from pathlib import Path
from core.ports import LocalFile
from core.types import SourceItem
from ingestion.converters.sandbox import Limits, Sandbox
from ingestion.converters.worker import Job, Task
from ingestion.splitting.structure_splitter import StructureSplitter
from tests.fakes import FakeEmbedder
from tests.support.converters_that_misbehave import MisbehavingConverter

folder = Path(sys.argv[1])
with Sandbox(Job(MisbehavingConverter(10_000), StructureSplitter(FakeEmbedder(), 60, "x"), 5000), Limits(60, 2**28, 5000), folder) as box:
    tasks = [Task(LocalFile(folder / n, n), SourceItem(f"docs/{n}", "docs", "1", 1)) for n in ("hello.txt", "loop.txt")]
    futures = [box.submit(task) for task in tasks]
    print(box.outcome(tasks[0], futures[0]).document.text.rsplit(" ", 1)[1], flush=True)
    box.outcome(tasks[1], futures[1])
"""


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "hello.txt").write_text("hello")
    (tmp_path / "loop.txt").write_text("loop")
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = child_environment(PYTHONPATH=str(PROJECT))
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert _alive(worker)
        parent.kill()

    deadline = time.monotonic() + 30
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the second where it ends while it is being read
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


class ProcessOfCelery:
    """What multiprocessing takes a task on a Celery worker for: it may have no children and cannot be pickled."""

    daemon = True
    name = "ForkPoolWorker-1"
    _identity = (1,)

    def __init__(self) -> None:
        self._config = {"daemon": True, "authkey": lambda: "not to be pickled", "semprefix": "/mp"}

    @property
    def authkey(self) -> object:
        return self._config["authkey"]


def test_it_works_in_a_task_of_a_celery_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.process, "_current_process", ProcessOfCelery())
    path = tmp_path / "0.txt"
    path.write_text("hello")
    task = Task(LocalFile(path, path.name), SourceItem(f"docs/{path.name}", "docs", "1", 1), None)
    job = Job(MisbehavingConverter(10_000_000), StructureSplitter(FakeEmbedder(), 60, "fake"), 5000)
    with Sandbox(job, Limits(timeout_seconds=TIMEOUT, memory_bytes=200 * 2**20, chunks=5000), tmp_path) as sandbox:
        assert isinstance(sandbox.outcome(task, sandbox.submit(task)), Converted)
