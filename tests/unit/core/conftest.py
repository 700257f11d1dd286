"""Every test of storage runs on SQLite, and again on a real PostgreSQL where slow tests run (`make e2e`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import load_settings
from core.storage.database import Database
from tests.support.postgresql import new_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = None
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgresql_server"))
    database = Database.open(load_settings(home=tmp_path, database_url=url))
    yield database
    database.close()
