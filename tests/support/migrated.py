"""A database that is migrated already: made once in a process, each test begins with a copy."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from core.settings import load_settings
from core.storage.database import Database


def lay_database(home: Path) -> None:
    """Put an empty database with the newest schema into the home folder, as Database.open would make it."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "ragloop.db").write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(home=Path(folder))
        Database.open(settings).close()
        return (settings.home / "ragloop.db").read_bytes()
