"""Parts of a zip archive, any of which may be damaged, encrypted, or packed in a way that nobody unpacks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from core.errors import ConversionError
from ingestion.converters.content import damage_named


def part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One part, unpacked. Raises ConversionError (damaged)."""
    with damage_named():
        return archive.read(name)


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
