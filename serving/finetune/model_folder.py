"""The folder that a model is written to: it appears when it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import InputError


def require_new(folder: Path) -> None:
    """Raises InputError if there is something at `folder` already."""
    if folder.exists():
        raise InputError(f"{folder} exists already.", hint="Name a folder that does not exist yet.")


@contextmanager
def new_model_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes `folder` if nothing fails, and else is gone.

    Raises InputError where it cannot be written.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        for path in unfinished.iterdir():
            path.chmod(0o644)  # the model server may be another user
        unfinished.rename(folder)
    except OSError as error:
        raise InputError(
            f"The model could not be written to {folder}: {error.strerror or error}.",
            hint="Check the folder's rights and the space on its disk.",
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
