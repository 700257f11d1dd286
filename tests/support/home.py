"""A home folder for an installation of a test's own."""

from __future__ import annotations

from pathlib import Path

from tests.support.migrated import lay_database

# Where the bundled model's converted form is kept between runs: converting it takes many seconds.
MODELS = Path(__file__).parents[2] / "var" / "models"


def make_home(folder: Path, *, database: bool = True) -> Path:
    """A home folder with a database without rows, unless the test is about a first start, and with the converted
    embedding model, if that was needed before."""
    MODELS.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(MODELS)
    if database:
        lay_database(home)
    return home
