"""Fixtures that every suite may use: settings in a folder of their own, and a database. And what holds for the whole run:
which tests are collected, which run in one process, and that none is skipped without a word."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy.engine import URL

from core.ports import Embedder
from core.settings import Settings, load_settings
from core.storage.database import Database
from retrieval.embedders.model import BUNDLED, EmbeddingModel, locate_model
from tests.support.components import ByComponent, rank
from tests.support.home import MODELS, make_home
from tests.support.needs import Need, is_here, lacking, summary
from tests.support.postgresql import migrated_template, new_database, postgresql

# The same examples in every run, so that no change is blamed for what it did not touch; `make nightly` looks for others.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("others", deadline=None)
hypothesis.settings.load_profile("same")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own RAGLOOP_ variables must not decide whether tests pass."""
    for name in list(os.environ):
        if name.startswith("RAGLOOP_"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=make_home(tmp_path))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database.open(settings)
    yield database
    database.close()


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Where the bundled model's converted form is kept."""
    MODELS.mkdir(parents=True, exist_ok=True)
    return MODELS


@pytest.fixture(scope="session")
def bundled_model(models_folder: Path) -> EmbeddingModel:
    return locate_model(BUNDLED, models_folder)


@pytest.fixture(scope="session")
def openvino_embedder(bundled_model: EmbeddingModel, models_folder: Path) -> Embedder:
    """The default embedder."""
    from retrieval.embedders.openvino_embedder import OpenVinoEmbedder

    return OpenVinoEmbedder(bundled_model, models_folder)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """One server for all tests; each makes databases of its own on it."""
    if not is_here(Need.POSTGRESQL):
        lacking(Need.POSTGRESQL)
    with postgresql(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server: URL) -> str:
    return migrated_template(postgresql_server)


@pytest.fixture
def postgresql_database(postgresql_server: URL, _postgresql_template: str) -> Iterator[str]:
    """The address of a PostgreSQL database of the test's own, with the newest schema."""
    with new_database(postgresql_server, _postgresql_template) as address:
        yield address


# ---------------------------------------------------------------- the whole run

# Here every test starts a real component. Importing them costs each process of the quick suite seconds.
_SLOW_FOLDERS = {Path(__file__).parent / name for name in ("e2e", "dags")}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path in _SLOW_FOLDERS and "not slow" in config.option.markexpr else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No quick test lies where `make test` does not look; and what takes longest begins."""
    for item in items:
        slow = item.get_closest_marker("slow") or item.get_closest_marker("nightly")
        if not slow and not _SLOW_FOLDERS.isdisjoint(item.path.parents):
            raise pytest.UsageError(f"{item.nodeid} is quick, and `make test` does not look here: mark it or move it.")
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByComponent | None:
    """For `make e2e` and `make nightly`; the quick tests keep the scheduler that they ask for."""
    return ByComponent(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines, unknown = summary(_skipped(terminalreporter))
    for line in lines:
        terminalreporter.write_line(line, yellow=True)
    for reason in unknown:
        terminalreporter.write_line(
            f"Skipped for a reason that tests/support/needs.py does not know: {reason}", red=True
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and summary(_skipped(reporter))[1] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped(reporter: pytest.TerminalReporter) -> list[str]:
    return [report.longrepr[2] for report in reporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
