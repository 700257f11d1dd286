"""The app's start as docker-compose.yml has it: its settings, its databases, its command and its health check."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from core.settings import PREFIX, child_environment
from tests.support.compose import ROOT, environment, services, variables
from tests.support.home import make_home
from tests.support.ports import free_port

SECRETS = {name: f"{name.lower().replace('_', '')}0123456789" for name, kind, _ in variables() if kind == "?"}
PORT = 8080

pytestmark = pytest.mark.slow


@dataclass
class App:
    """The running process."""

    process: subprocess.Popen[bytes]
    port: int

    def healthy(self) -> bool:
        """What the container's health check says."""
        command, *arguments = services()["app"]["healthcheck"]["test"][1:]
        assert command == "python"
        arguments = [argument.replace(f":{PORT}/", f":{self.port}/") for argument in arguments]
        return subprocess.run([sys.executable, *arguments], capture_output=True, check=False).returncode == 0

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def wait_until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 180
        while not true():
            assert self.process.poll() is None, "the app ended"
            assert time.monotonic() < deadline
            time.sleep(0.5)


@pytest.fixture
def databases(postgresql_server: URL) -> URL:
    """The server after the script with which PostgreSQL's image sets it up."""
    script = ROOT / "deploy" / "postgres" / "create-databases.sh"
    given = environment("postgres", SECRETS)
    server = {"PGHOST": str(postgresql_server.host), "PGPORT": str(postgresql_server.port), "PGDATABASE": "postgres"}
    user = {"POSTGRES_USER": str(postgresql_server.username)}
    subprocess.run([str(script)], env={**os.environ, **given, **server, **user}, check=True)
    return postgresql_server


@pytest.fixture
def app(databases: URL, tmp_path: Path) -> Iterator[App]:
    given = {name: value for name, value in environment("app", SECRETS).items() if name.startswith(PREFIX)}
    del given["RAGLOOP_QDRANT_URL"], given["RAGLOOP_QDRANT_API_KEY"]  # there is no server: the index is embedded
    port = free_port()
    ours = {
        "RAGLOOP_DATABASE_URL": given["RAGLOOP_DATABASE_URL"].replace("@postgres/", f"@127.0.0.1:{databases.port}/"),
        "RAGLOOP_HOME": str(make_home(tmp_path, database=False)),
        "RAGLOOP_ADAPTERS_FOLDER": str(tmp_path / "adapters"),
        "RAGLOOP_PORT": str(port),
    }
    command = [str(Path(sys.executable).with_name("ragloop")), "serve"]
    process = subprocess.Popen(command, env=child_environment(**(given | ours)), cwd=tmp_path)
    yield App(process, port)
    process.terminate()
    process.wait(60)


@pytest.mark.timeout(600)
def test_the_app_starts_on_postgresql_and_lets_nobody_in_without_a_key(app: App) -> None:
    app.wait_until(app.healthy)
    app.wait_until(lambda: app.status("/v1/models") != 503)  # the embedding model is being loaded
    assert app.status("/v1/models") == 401
    assert app.status("/metrics") == 401
    assert app.status("/readyz") == 503  # nothing has been ingested
