"""Installations whose pages are ingested: made once in a process for each set of pages, each test begins with a copy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from core.settings import Settings, load_settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from ingestion.factory import folder_source, open_pipeline
from tests.support.home import MODELS, make_home
from tests.support.sparse_files import copy_sparse

# Removed when the process ends.
_MADE = tempfile.TemporaryDirectory(prefix="installed-")


def lay_installation(folder: Path, source: str, pages: Mapping[str, str], **chosen: object) -> Settings:
    """An installation in `folder`/home that was made with the settings `chosen`: the pages are ingested, which `folder`
    has as a source of this name, and nobody has asked yet. It takes the place of a home without documents."""
    made = _made(source, tuple(pages.items()), tuple(sorted(chosen.items())))
    shutil.copytree(made / source, folder / source)
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    models = shutil.ignore_patterns("models")
    shutil.copytree(made / "home", home, ignore=models, copy_function=lambda of, to: copy_sparse(Path(of), Path(to)))
    (home / "models").symlink_to(MODELS)
    settings = load_settings(home=home, **chosen)
    with closing(Database.open(settings)) as database:
        DocumentRepository(database).save_source(source, str(folder / source))
    return settings


@cache
def _made(source: str, pages: tuple[tuple[str, str], ...], chosen: tuple[tuple[str, object], ...]) -> Path:
    folder = Path(tempfile.mkdtemp(dir=_MADE.name))
    (folder / source).mkdir()
    for name, text in pages:
        (folder / source / name).write_text(text, encoding="utf-8")
    settings = load_settings(home=make_home(folder), **dict(chosen))
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, folder / source))
    return folder
