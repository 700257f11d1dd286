"""Fixtures that every suite may use: settings in a folder of their own, and a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings, load_settings
from core.storage.database import Database


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own RAGLOOP_ variables must not decide whether tests pass."""
    for name in list(os.environ):
        if name.startswith("RAGLOOP_") and not name.startswith("RAGLOOP_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database.open(settings)
    yield database
    database.close()
