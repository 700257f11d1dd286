"""Every test of storage runs on SQLite, and again on a real PostgreSQL where one is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import load_settings
from core.storage.database import Database
from tests.support.migrated import lay_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_database")
    else:
        lay_database(tmp_path)
    database = Database.open(load_settings(home=tmp_path, database_url=url))
    yield database
    database.close()
