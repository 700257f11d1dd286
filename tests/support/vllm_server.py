"""The real vLLM in a process of its own, with the small model, for tests and benchmarks that need one.

    with vllm_server() as vllm:
        settings = load_settings(model_url=vllm.url)

It takes half a minute to start and a core while it answers. `make e2e` builds the environment that it runs in.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import child_environment
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
SMALL_MODEL = ROOT / "tools" / "small_model" / "small-llm"
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
NAME = "base"

# Importing vLLM and starting its worker processes, on a machine that does other things too.
_START_SECONDS = 300.0
_END_SECONDS = 30.0


class VLLMServer:
    """vLLM over a model's folder, on a loopback port that stays the same when it is started again."""

    def __init__(self, model: Path, log: Path) -> None:
        self._model = model
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The base URL that OpenAI's clients want."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = child_environment(
            MODEL=str(self._model), MODEL_NAME=NAME, VLLM_PORT=str(self.port), VLLM_PYTHON=str(PYTHON)
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(ROOT / "deploy" / "vllm" / "serve.sh")],
                env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._wait_until_healthy(self._process)

    def stop(self) -> None:
        """End it as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its workers at once, as a crash does."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, how)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_END_SECONDS)

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"vLLM ended: {self._log.read_text(errors='replace')[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        self.kill()
        raise AssertionError(f"vLLM was not healthy in {_START_SECONDS:.0f} s")


@contextmanager
def vllm_server(model: Path | None = None) -> Iterator[VLLMServer]:
    """A running server over the model's folder, by default the small model; ended with all its processes."""
    with tempfile.TemporaryDirectory(prefix="vllm-") as folder:
        server = VLLMServer(model or SMALL_MODEL, Path(folder) / "log")
        server.start()
        try:
            yield server
        finally:
            server.stop()
