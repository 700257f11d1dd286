"""What all of an embedded collection's files have in common: their errors, their sizes, and the space they take."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from core.errors import IndexUnavailableError

# The engine's files are sparse and mapped into memory: writing to one on a full disk kills the process.
_SPARE_BYTES = 256 << 20


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn failures of the file system into IndexUnavailableError."""
    try:
        yield
    except OSError as error:
        raise IndexUnavailableError(
            f"The index cannot be used: {error}.",
            hint="Check that RAGLOOP_HOME is on a disk with space left and that this user may write there.",
        ) from error


def damaged(path: Path, reason: str) -> IndexUnavailableError:
    """The error for a collection whose files are not as they were written."""
    return IndexUnavailableError(
        f"The index in {path} is damaged: {reason}.",
        hint="Restore the folder from a backup, or delete it and run `ragloop ingest FOLDER`.",
    )


def file_sizes(folder: Path) -> dict[str, int]:
    """The size in bytes of each file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def bytes_taken(folder: Path) -> int:
    """The space that a folder takes on the disk; the holes in its files take none."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


def require_files(folder: Path, sizes: Mapping[str, int]) -> None:
    """Raise IndexUnavailableError unless every file is there with its size: the engine would open what is left and call
    it a collection."""
    for name, size in sizes.items():
        path = folder / name
        if not path.is_file():
            raise damaged(folder, f"{name} is missing")
        if path.stat().st_size != size:
            raise damaged(folder, f"{name} has another size than when it was written")


def require_space(folder: Path, wanted: int) -> None:
    """Raise IndexUnavailableError unless the disk has room for so many bytes, and to spare."""
    needed, free = wanted + _SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise IndexUnavailableError(
            f"The index cannot be changed: the disk of {folder} has {free >> 20} MB left and it takes {needed >> 20}.",
            hint="Free some space on that disk, or set RAGLOOP_HOME to a folder on another one.",
        )
