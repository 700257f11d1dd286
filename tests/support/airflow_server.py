"""Airflow's own scheduler, DAG processor and API server over an installation, for tests that need all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from core.settings import Settings
from tests.support.ports import free_port

AIRFLOW = str(Path(sys.executable).with_name("airflow"))

# Puts a migrated Airflow into an installation; the environment of its commands. See tests/dags/conftest.py.
LaidAirflow = Callable[[Settings], Mapping[str, str]]


@contextmanager
def standalone(laid: Mapping[str, str], log: Path, **extra: str) -> Iterator[Mapping[str, str]]:
    """`airflow standalone` in the environment of an installation where Airflow is laid, ended with everything it started;
    gives the environment of its commands. `extra` variables are seen by its tasks too."""
    # Airflow finds itself on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    port = free_port()
    server = {
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
    }
    environment = {**laid, **server, "PATH": path, **extra}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [AIRFLOW, "standalone"], env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait(lambda: b"Airflow is ready" in log.read_bytes(), 400, f"Airflow: {log}")
            yield environment
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):  # a scheduler that is busy outlives the one who started it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def unpause(environment: Mapping[str, str], *dags: str) -> None:
    """Let these DAGs run when something starts them. Airflow is ready before it has read them, and of one that it has
    not read it says that nothing was paused, and that all is well."""
    for dag in dags:
        wait(partial(_unpaused, environment, dag), 240, f"the DAG {dag}")


def trigger(environment: Mapping[str, str], dag: str, conf: Mapping[str, object] | None = None) -> None:
    """Start a run of the DAG."""
    _airflow(environment, "dags", "trigger", dag, "--conf", json.dumps(conf or {}))


def wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Until it is done. Raises AssertionError when it is not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what} is not there after {seconds:.0f} s"
        time.sleep(2)


def _unpaused(environment: Mapping[str, str], dag: str) -> bool:
    return dag in _airflow(environment, "dags", "unpause", dag, "--output", "plain")


def _airflow(environment: Mapping[str, str], *arguments: str) -> str:
    """What the command printed."""
    ran = subprocess.run([AIRFLOW, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
