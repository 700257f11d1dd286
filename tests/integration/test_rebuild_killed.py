"""A rebuild that is killed with SIGKILL at any moment, and run again, leaves what an unbroken one leaves; until then the
live index answers as before."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.settings import child_environment
from retrieval.indexes.edge import EdgeIndex
from tests.support.ingestion_pipeline import Workbench
from tests.support.victims.rebuild import MOMENTS

# Each takes some seconds; the rest runs with the slow tests.
QUICK = ("half the upserts",)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home`, in which 150 documents are indexed: two shards."""
    root = tmp_path_factory.mktemp("before")
    bench = _open(root / "home", root / "docs")
    for number in range(149):
        bench.write(f"{number:03}.md", _text(number))
    bench.ingest()
    bench.close()
    return root


@pytest.fixture(scope="module")
def unbroken(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return _finish(_copy(before, tmp_path_factory.mktemp("unbroken")), before / "docs")


@pytest.mark.parametrize("moment", [pytest.param(m, marks=[] if m in QUICK else pytest.mark.slow) for m in MOMENTS])
def test_killed_at_a_named_moment(before: Path, unbroken: Any, tmp_path: Path, moment: str) -> None:
    home = _copy(before, tmp_path)
    assert _killed(home, before / "docs", moment) == -signal.SIGKILL

    assert _live(home, before / "docs") == _live(before / "home", before / "docs")
    assert _finish(home, before / "docs") == unbroken


@pytest.mark.nightly
def test_killed_again_and_again_until_it_gets_through(before: Path, unbroken: Any, tmp_path: Path) -> None:
    home = _copy(before, tmp_path)
    for moment in MOMENTS:
        _killed(home, before / "docs", moment)

    assert _finish(home, before / "docs") == unbroken


def _text(number: int) -> str:
    sections = "\n\n".join(f"## Part {part}\n\n word{number} part{part} " * 8 for part in range(3))
    return f"# Document {number}\n\n{sections}\n"


def _open(home: Path, docs: Path) -> Workbench:
    return Workbench(home, docs, index=EdgeIndex(home / "index"))


def _copy(before: Path, target: Path) -> Path:
    home = target / "home"
    shutil.copytree(before / "home", home)
    return home


def _killed(home: Path, docs: Path, moment: str) -> int:
    command = [sys.executable, "-m", "tests.support.victims.rebuild", str(home), str(docs), moment]
    root = Path(__file__).parents[2]
    return subprocess.run(command, env=child_environment(), cwd=root, stdout=subprocess.DEVNULL, check=False).returncode


def _live(home: Path, docs: Path) -> Any:
    """All that the live index and its manifest hold."""
    bench = _open(home, docs)
    state = bench.content(), bench.documents.entries(bench.spec.name)
    bench.close()
    return state


def _finish(home: Path, docs: Path) -> Any:
    """Rebuild to the end, and return all that counts in both indexes, the manifests and the stored texts."""
    bench = _open(home, docs)
    rebuild = bench.rebuild(tokens=30)
    rebuild.run()
    names = bench.spec.name, rebuild.spec.name
    texts = [bench.documents.get(summary.id) for summary in bench.documents.page(limit=1000)]
    state = [(bench.content(name), bench.documents.entries(name)) for name in names], texts
    assert list((home / "staging").iterdir()) == []
    bench.close()
    return state
