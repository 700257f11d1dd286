"""Parts of a zip archive, any of which may be damaged, encrypted, or packed in a way that nobody unpacks."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping

from core.errors import ConversionError, FailureKind

# What the standard library raises for archives that it cannot read.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    NotImplementedError,
)


def part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One part, unpacked. Raises ConversionError (damaged)."""
    try:
        return archive.read(name)
    except UNREADABLE as error:
        raise ConversionError(FailureKind.MALFORMED, f"The file is damaged: {error}.") from error


def with_parts(archive: zipfile.ZipFile, changed: Mapping[str, bytes], without: tuple[str, ...]) -> bytes:
    """The archive with some parts exchanged, and without those whose names begin with one of `without`. What cannot be
    unpacked is left out too: what is to be read of it is in the parts that are exchanged."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
        for name in dict.fromkeys(archive.namelist()):
            if name.startswith(without):
                continue
            try:
                copy.writestr(name, changed.get(name) or part(archive, name))
            except ConversionError:
                continue
    return target.getvalue()
