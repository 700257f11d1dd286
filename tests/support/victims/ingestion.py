"""A process that ingests and is killed: `python -m tests.support.victims.ingestion HOME DOCS [MOMENT]`.

At MOMENT it sends itself SIGKILL; without one it says `ready` and runs to the end, unless somebody else kills it.
So it does at WHENEVER, and converts in this process too, so that the rest takes most of its time. It prints each stage
that it passes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from core.storage.documents import DocumentRepository
from core.types import EmbeddedDocument, Vector
from ingestion.converters.sandbox import Sandbox
from retrieval.indexes.edge import EdgeIndex
from tests.fakes import FakeEmbedder
from tests.support.ingestion_pipeline import InProcessSandbox, Workbench

MOMENTS = (
    "embedding",
    "second shard",
    "rows announced",
    "half the upserts",
    "index committed",
    "texts saved",
    "rows saved",
    "texts removed",
)
WHENEVER = "whenever"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Calls:
    """Counts calls by name, prints them, and dies at the one that was chosen."""

    def __init__(self, name: str, number: int) -> None:
        self._left = {name: number}

    def __call__(self, name: str) -> None:
        print(name, flush=True)
        self._left[name] = self._left.get(name, 0) - 1
        if self._left[name] == 0:
            die()


def calls(moment: str | None) -> Calls:
    chosen = {
        "embedding": ("embed", 1),
        "second shard": ("embed", 2),
        "rows announced": ("save_entries done", 1),
        "half the upserts": ("upsert", 40),
        "index committed": ("commit done", 1),
        "texts saved": ("save done", 1),
        "rows saved": ("save_entries done", 2),
        "texts removed": ("remove done", 1),
    }
    return Calls(*chosen[moment]) if moment in chosen else Calls("never", -1)


class DyingEmbedder(FakeEmbedder):
    at: Callable[[str], None]

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        self.at("embed")
        return super().embed(texts, progress)


class DyingIndex(EdgeIndex):
    at: Callable[[str], None]

    def commit(self, collection: str, upserts: Iterable[EmbeddedDocument], deletes: Iterable[str]) -> int:
        def counted() -> Iterable[EmbeddedDocument]:
            for document in upserts:
                self.at("upsert")
                yield document

        revision = super().commit(collection, counted(), deletes)
        self.at("commit done")
        return revision


class DyingDocuments(DocumentRepository):
    at: Callable[[str], None]

    def save(self, *arguments: Any) -> None:
        super().save(*arguments)
        self.at("save done")

    def save_entries(self, *arguments: Any) -> None:
        super().save_entries(*arguments)
        self.at("save_entries done")

    def remove(self, document_ids: Iterable[str]) -> int:
        ids = list(document_ids)
        removed = super().remove(ids)
        if ids:
            self.at("remove done")
        return removed


def main(home: Path, docs: Path, moment: str | None) -> None:
    bench = Workbench(home, docs, index=DyingIndex(home / "index"), embedder=DyingEmbedder())
    bench.documents = DyingDocuments(bench.database)
    at = calls(moment)
    bench.index.at = bench.embedder.at = bench.documents.at = at  # type: ignore[attr-defined]
    bench.splitter.tokens = FakeEmbedder()
    bench.sandbox = InProcessSandbox if moment else Sandbox
    print("ready", flush=True)
    bench.ingest()
    bench.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
