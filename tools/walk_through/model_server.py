"""vLLM over the small model that is shipped, for as long as a walk-through lasts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UnavailableError
from core.settings import child_environment
from tools.walk_through.installation import free_port

NAME = "base"
"""The name that the model is served under."""

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tools" / "small_model" / "small-llm"

# Importing vLLM and starting its worker takes half a minute on an idle machine, and minutes on a busy one.
_START_SECONDS = 300.0
_END_SECONDS = 30.0


@contextmanager
def model_server(log: Path) -> Iterator[str]:
    """Start it as `make vllm` does, and wait until it answers; its base URL. Raises UnavailableError if it does not."""
    python = Path(child_environment().get("VLLM_PYTHON", ROOT / ".venv-vllm" / "bin" / "python"))
    if not python.exists():
        raise UnavailableError(f"vLLM is not installed: there is no {python}.", hint="`make loop MODEL=1` installs it.")
    port = str(free_port())
    environment = child_environment(MODEL=str(MODEL), MODEL_NAME=NAME, VLLM_PORT=port, VLLM_PYTHON=str(python))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(ROOT / "deploy" / "vllm" / "serve.sh")],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _end(process)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.2)
    raise UnavailableError("vLLM did not start.", hint=f"Its log is {log}.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with its workers, which are a group of processes."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                continue
