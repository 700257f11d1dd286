"""Writing files so that a crash at any moment leaves either the old content or the new one."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

_BLOCK = 1 << 20


def replace_file(path: Path, content: bytes) -> None:
    """Give `path` this content at once and durably: a reader sees all of the old or all of the new."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """`sync` for everything below a folder, and the folder."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(parent, name))
        sync(Path(parent))


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a file without its holes.

    The engine preallocates: an empty collection is 120 MB of files that hold 1 MB. A plain copy would write the zeros.
    """
    with source.open("rb") as reader, target.open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        os.ftruncate(writer.fileno(), size)
        position = 0
        while position < size:
            try:
                start = os.lseek(reader.fileno(), position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise
            end = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            _copy_range(reader.fileno(), writer.fileno(), start, end)
            position = end


def _copy_range(reader: int, writer: int, start: int, end: int) -> None:
    while start < end:
        block = os.pread(reader, min(_BLOCK, end - start), start)
        if not block:  # the file shrank meanwhile; the sizes recorded for a generation will not match
            return
        start += os.pwrite(writer, block, start)
