"""A home folder for an installation of a test's own."""

from __future__ import annotations

from pathlib import Path

# Where the bundled model's converted form is kept between runs: converting it takes many seconds.
MODELS = Path(__file__).parents[2] / "var" / "models"


def make_home(folder: Path) -> Path:
    """A home folder, empty but for the converted embedding model, if that was needed before."""
    MODELS.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(MODELS)
    return home
