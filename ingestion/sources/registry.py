"""Which kind of source a root names: how a source that was read before is opened again."""

from __future__ import annotations

from pathlib import Path

from core.errors import InputError
from core.ports import Source
from core.types import PUBLIC
from ingestion.converters.formats import READERS
from ingestion.sources.folder import FolderSource


def open_source(name: str, root: str, access: tuple[str, ...] = (PUBLIC,)) -> Source:
    """The source that is read from `root`; new documents get these access labels.

    Raises InputError when the root names nothing that can be opened again. A folder that is missing is an outage, which
    listing it reports.
    """
    folder = Path(root)
    if not folder.is_absolute():
        raise InputError(
            f"The source {name} is not a folder that can be read again: {root}.",
            hint="Ingest it in the way it was ingested before.",
        )
    return FolderSource(name, folder, READERS, access)
