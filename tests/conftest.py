"""Fixtures that every suite may use: settings in a folder of their own, and a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from core.ports import Embedder
from core.settings import Settings, load_settings
from core.storage.database import Database
from retrieval.embedders.model import BUNDLED, EmbeddingModel, locate_model
from tests.support.home import MODELS, make_home
from tests.support.postgresql import initdb, postgresql


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
    if initdb() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgresql(tmp_path_factory.mktemp("postgresql")) as server:
        yield server
