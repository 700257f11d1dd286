"""`make demo` as a newcomer runs it: the real DAG in the real Airflow, the real server, one answered question."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from core.settings import child_environment
from tests.support.home import make_home
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def demo(home: Path, folder: Path) -> tuple[str, float, int]:
    """Runs the demo until it says where to ask; returns what it printed, the seconds it took, and the page's status."""
    port = free_port()
    environment = child_environment(RAGLOOP_HOME=str(home), RAGLOOP_PORT=str(port))
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.demo", str(folder)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    printed = ""
    assert process.stdout is not None
    for line in process.stdout:
        printed += line
        if "Ctrl-C" in line:
            break
    seconds = time.monotonic() - started
    try:
        assert "Ctrl-C" in printed, printed
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
            status = page.status
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
        process.stdout.close()
    return printed, seconds, status


def test_the_demo_ingests_with_airflow_answers_with_a_citation_and_starts_quickly_again(tmp_path: Path) -> None:
    home = make_home(tmp_path, database=False)
    printed, _, status = demo(home, ROOT / "docs")
    assert status == 200
    assert "Running the DAG ingest_documents" in printed
    assert "[1] docs/how-to/ingest-documents.md" in printed
    assert "http://127.0.0.1:" in printed
    again, _, status = demo(home, ROOT / "docs")
    assert status == 200
    assert "nothing new" in again
    assert "DAG" not in again


def test_a_missing_folder_is_one_sentence_with_a_hint(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tools.demo", str(tmp_path / "nowhere")],
        cwd=ROOT, env=child_environment(RAGLOOP_HOME=str(tmp_path)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 2
    assert "nowhere" in finished.stderr
    assert "make demo DOCS=folder" in finished.stderr
    assert "Traceback" not in finished.stderr
