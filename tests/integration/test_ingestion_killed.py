"""A run that is killed with SIGKILL at any moment, and run again, leaves what an unbroken run leaves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from core.settings import child_environment
from retrieval.indexes.edge import EdgeIndex
from tests.support.ingestion_pipeline import Workbench
from tests.support.victims.ingestion import MOMENTS, WHENEVER

SEED = 20261122


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home`, in which 150 documents are indexed, and `docs`, in which they have changed since."""
    root = tmp_path_factory.mktemp("before")
    bench = Workbench(root / "home", root / "docs", index=EdgeIndex(root / "home" / "index"))
    for number in range(150):
        bench.write(f"{number:03}.md", _text(number, "first"))
    bench.write("098.eml", _message("stays", "changes", "goes"))
    bench.write("gone.eml", _message("stays"))
    bench.ingest()
    bench.close()
    bench.write("098.eml", _message("stays", "changes", "comes", version="second"))
    (bench.docs / "gone.eml").unlink()
    for number in range(140):
        bench.write(f"{number:03}.md", _text(number, "second"))
    for number in range(140, 145):
        (bench.docs / f"{number:03}.md").unlink()
    bench.write("145.md", b"")
    for number in range(150, 160):
        bench.write(f"{number:03}.md", _text(number, "first"))
    return root


@pytest.fixture(scope="module")
def unbroken(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the index and the stores hold after a run that nobody disturbed."""
    return _finish(_copy(before, tmp_path_factory.mktemp("unbroken")), before / "docs")


# Each takes about two seconds; the rest runs with the slow tests.
QUICK = ("second shard", "half the upserts", "index committed")


@pytest.mark.parametrize("moment", [pytest.param(m, marks=[] if m in QUICK else pytest.mark.slow) for m in MOMENTS])
def test_killed_at_a_named_moment(before: Path, unbroken: Any, tmp_path: Path, moment: str) -> None:
    home = _copy(before, tmp_path)
    with _start(home, before / "docs", moment) as victim:
        assert victim.wait(timeout=120) == -signal.SIGKILL

    assert _finish(home, before / "docs") == unbroken


@pytest.mark.nightly  # test_killed_at_a_named_moment has the moments that were ever wrong
@pytest.mark.timeout(900)
def test_killed_twenty_times_at_random_moments(before: Path, unbroken: Any, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    seconds = _seconds_of_a_run(before, tmp_path)
    survived = 0
    for attempt in range(20):
        home = _copy(before, tmp_path / str(attempt))
        delay = chance.uniform(0, seconds)
        with _start(home, before / "docs") as victim:
            started = time.monotonic()
            try:
                victim.wait(timeout=delay)
            except subprocess.TimeoutExpired:
                victim.kill()
            else:  # so the first run was slow, and the next delays need not be
                seconds = min(seconds, time.monotonic() - started)
            survived += victim.wait(timeout=60) == 0
        assert _finish(home, before / "docs") == unbroken, f"killed {delay:.3f} s after its start"
    assert survived < 15, "most runs were over before they were killed"


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_killed_again_and_again_until_it_gets_through(before: Path, unbroken: Any, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    home = _copy(before, tmp_path)
    for _ in range(8):
        with _start(home, before / "docs", chance.choice(MOMENTS)) as victim:
            victim.wait(timeout=120)

    assert _finish(home, before / "docs") == unbroken


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_killed_a_hundred_times_in_run_after_run_the_points_are_those_of_unbroken_runs(
    before: Path, tmp_path: Path
) -> None:
    """Each run changes a few documents, so that segments gather and are joined."""
    chance = random.Random(int(os.environ.get("TEST_KILL_SEED", SEED)))
    docs = shutil.copytree(before / "docs", tmp_path / "docs")
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    assert _finish(killed, docs) == _finish(undisturbed, docs)
    seconds, stages = 60.0, Counter[str]()  # the first run gets through and says how long one takes
    for number in range(int(os.environ.get("TEST_KILLS", "100"))):
        _change(docs, chance, number)
        with _start(killed, docs, WHENEVER) as victim:
            started = time.monotonic()
            try:
                victim.wait(timeout=chance.uniform(0, seconds))
            except subprocess.TimeoutExpired:
                victim.kill()
                seconds *= 1.05  # so that the last stages are reached on a slow machine too
            else:
                seconds = time.monotonic() - started
            assert victim.stdout is not None
            passed = victim.stdout.read().decode().splitlines()
            survived = victim.wait() == 0
        stages["survived" if survived else passed[-1] if passed else "before embedding"] += 1
        print(number + 1, dict(stages), flush=True)
        assert _finish(killed, docs) == _finish(undisturbed, docs), f"run {number}, behind {passed}"


def _change(docs: Path, chance: random.Random, number: int) -> None:
    """Changes some documents, adds one and removes one."""
    for path in chance.sample(sorted(docs.glob("*.md")), chance.randint(1, 25)):
        path.write_text(_text(chance.randrange(1000), f"run {number}"), encoding="utf-8")
    chance.choice(sorted(docs.glob("*.md"))).unlink()
    (docs / f"new-{number}.md").write_text(_text(number, "new"), encoding="utf-8")


def _text(number: int, version: str) -> str:
    sections = "\n\n".join(f"## Part {part}\n\n{version} word{number} part{part} " * 8 for part in range(3))
    return f"# Document {number}\n\n{sections}\n"


def _message(*names: str, version: str = "first") -> bytes:
    mail = EmailMessage()
    mail["Subject"] = f"The {version} message"
    mail.set_content("What is attached says more.")
    for name in names:
        text = _text(1, version if name == "changes" else name)
        mail.add_attachment(text.encode(), "text", "markdown", filename=f"{name}.md")
    return mail.as_bytes()


def _copy(before: Path, target: Path) -> Path:
    home = target / "home"
    shutil.copytree(before / "home", home)
    return home


def _start(home: Path, docs: Path, *moment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.support.victims.ingestion", str(home), str(docs), *moment]
    victim = subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment(), cwd=Path(__file__).parents[2])
    assert victim.stdout is not None
    victim.stdout.readline()  # it is ready
    return victim


def _seconds_of_a_run(before: Path, tmp_path: Path) -> float:
    with _start(_copy(before, tmp_path / "measured"), before / "docs") as victim:
        started = time.monotonic()
        assert victim.wait(timeout=120) == 0
        return time.monotonic() - started


def _finish(home: Path, docs: Path) -> Any:
    """Run to the end, and return all that counts in the index, the manifest and the stored texts."""
    bench = Workbench(home, docs, index=EdgeIndex(home / "index"))
    bench.ingest()
    entries = bench.documents.entries(bench.spec.name)
    texts = [bench.documents.get(summary.id) for summary in bench.documents.page(limit=1000)]
    state = bench.content(), entries, texts
    bench.close()
    return state
