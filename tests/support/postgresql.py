"""A PostgreSQL of the tests' own, from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from core.settings import load_settings
from core.storage.database import Database
from tests.support.ports import free_port


def initdb() -> Path | None:
    """The newest program that makes a cluster; None where PostgreSQL is not installed."""
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


@contextmanager
def postgresql(folder: Path) -> Iterator[URL]:
    """A server of its own on a free loopback port, from Debian's packages; ended at the end."""
    program = initdb()
    assert program is not None
    port = free_port()
    run = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # the server refuses to run as root
    if run:
        shutil.chown(folder, "postgres")
        for parent in folder.parents:  # pytest's folders are closed to other users
            if parent.owner() == "root" and parent.is_relative_to(Path(os.environ.get("TMPDIR", "/tmp"))):
                parent.chmod(parent.stat().st_mode | 0o011)
    data = str(folder / "data")
    quiet = {"check": True, "capture_output": True, "cwd": folder}
    subprocess.run([*run, str(program), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"], **quiet)  # type: ignore[call-overload]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [*run, str(program.with_name("pg_ctl")), "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "-l", str(folder / "log"), "start"], **quiet)  # type: ignore[call-overload]
    yield URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres")
    stopped = subprocess.run([*control, "-m", "immediate", "stop"], capture_output=True, cwd=folder, text=True)
    if stopped.returncode:  # what the tests said stands, whatever became of their server
        print(f"PostgreSQL was not stopped: {stopped.stdout}{stopped.stderr}")


def migrated_template(server: URL) -> str:
    """The name of a new database with the newest schema, to be copied."""
    name = "ragloop_template"
    _create(server, name, "template1")
    Database.open(load_settings(database_url=_address(server, name))).close()
    return name


@contextmanager
def new_database(server: URL, template: str) -> Iterator[str]:
    """The address of a new database that is a copy of the template, and gone at the end: each takes 8 MB."""
    name = f"test_{uuid.uuid4().hex}"
    _create(server, name, template)
    yield _address(server, name)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _create(server: URL, name: str, template: str) -> None:
    # Copying its few files costs a tenth of writing them through the log.
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")


def _execute(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _address(server: URL, name: str) -> str:
    return server.set(database=name).render_as_string(hide_password=False)
