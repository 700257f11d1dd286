"""A process that commits versions of the same documents until it is killed: `python -m … ROOT FIRST_VERSION PAUSE_AT`.

It prints each revision it published. With PAUSE_AT above 0 it stops in the middle of its first commit, after that many
documents, says so, and waits to be killed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from core.types import EmbeddedDocument
from retrieval.indexes.edge import EdgeIndex
from tests.support.indexed_documents import embedded, spec_for

DOCUMENTS = 40


def version_of_everything(version: int, pause_at: int = 0) -> Iterator[EmbeddedDocument]:
    """Each document in this version; the number of chunks depends on it, so that a mixture shows."""
    for number in range(DOCUMENTS):
        if pause_at and number == pause_at:
            print("half way", flush=True)
            time.sleep(600)
        yield embedded(f"s/{number}", [f"version {version} part {part}" for part in range(8 + version % 3)])


def main(root: Path, first_version: int, pause_at: int) -> None:
    index = EdgeIndex(root)
    version = first_version
    while True:
        revision = index.commit(spec_for().name, version_of_everything(version, pause_at), [])
        print(revision, flush=True)
        version += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
