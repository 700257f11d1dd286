"""A pipeline over fakes: no model, no index engine, no processes; the database is real."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.ports import Source, VectorIndex
from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository, EmbeddingMemo, RunRepository
from core.storage.loop.erasures import ErasureRepository
from core.types import CollectionSpec
from ingestion.converters.registry import FileConverter
from ingestion.converters.sandbox import Limits, Sandbox
from ingestion.converters.worker import Job, Outcome, Task, convert
from ingestion.deletion import Deletion
from ingestion.pipeline import Permissions, Pipeline, Stores
from ingestion.rebuild.rebuild import Rebuild
from ingestion.sources.folder import FolderSource
from ingestion.splitting.structure_splitter import StructureSplitter
from tests.fakes import FakeEmbedder, InMemoryIndex
from tests.support.migrated import lay_database

NOTES = "# Notes\n\nThe kettle is in the kitchen.\n"
PLANS = "# Plans\n\nWe open a second office in spring.\n"


class InProcessSandbox(Sandbox):
    """Converts at once, in this process: what the sandbox does to crashes is tested on its own."""

    def __init__(self, job: Job, _limits: Limits, _scratch: Path) -> None:
        self._job = job

    def submit(self, task: Task) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_result(convert(self._job, task))
        return future

    def __exit__(self, *_exception: object) -> None:
        pass


LIMITS = Limits(timeout_seconds=30, memory_bytes=512 * 2**20, chunks=5000)


@dataclass
class Workbench:
    """One installation in `home`, and a folder `docs` of documents to ingest."""

    home: Path
    docs: Path
    index: VectorIndex = field(default_factory=InMemoryIndex)
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    converter: FileConverter = field(default_factory=lambda: FileConverter(max_file_bytes=1_000_000))
    limits: Limits = LIMITS
    max_chunks: int = 100_000
    sandbox: type[Sandbox] = InProcessSandbox

    def __post_init__(self) -> None:
        self.home.mkdir(exist_ok=True, parents=True)
        self.docs.mkdir(exist_ok=True, parents=True)
        if not (self.home / "ragloop.db").exists():
            lay_database(self.home)
        self.database = Database.open(Settings(home=self.home))
        self.documents = DocumentRepository(self.database)
        self.memo = EmbeddingMemo(self.database)
        self.runs = RunRepository(self.database)
        self.splitter = StructureSplitter(self.embedder, 60, self.embedder.fingerprint)

    @property
    def spec(self) -> CollectionSpec:
        return spec_of(self.embedder, self.splitter)

    @property
    def stores(self) -> Stores:
        return Stores(self.index, self.documents, self.memo, self.runs, ErasureRepository(self.database))

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(
            home=self.home,
            spec=self.spec,
            open_embedder=lambda: self.embedder,
            splitter=self.splitter,
            converter=self.converter,
            stores=self.stores,
            limits=self.limits,
            max_chunks=self.max_chunks,
            open_sandbox=self.sandbox,
        )

    def rebuild(self, tokens: int = 30, embedder: FakeEmbedder | None = None) -> Rebuild:
        """A rebuild with that many tokens to a chunk, of whatever this installation ingests into."""
        embedder = embedder or self.embedder
        splitter = StructureSplitter(embedder, tokens, embedder.fingerprint)
        return Rebuild(
            home=self.home,
            spec=spec_of(embedder, splitter),
            live=lambda: self.spec,
            open_embedder=lambda: embedder,
            splitter=splitter,
            stores=self.stores,
            max_chunks=self.max_chunks,
        )

    def source(
        self, name: str = "docs", access: tuple[str, ...] = ("public",), root: Path | None = None
    ) -> FolderSource:
        return FolderSource(name, root or self.docs, self.converter.suffixes, access)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def ingest(self, source: Source | None = None, **permissions: Any) -> dict[str, Any]:
        return self.pipeline.run(source or self.source(), permissions=Permissions(**permissions))

    def delete(self, uri: str) -> dict[str, int]:
        deletion = Deletion(self.index, self.documents, self.memo, self.home / "staging")
        return deletion.delete(uri, lambda _documents, _held: {})

    def dry_run(self, source: Source | None = None, **permissions: Any) -> dict[str, Any]:
        return self.pipeline.dry_run(source or self.source(), permissions=Permissions(**permissions))

    def texts(self, collection: str | None = None) -> dict[str, list[str]]:
        """The indexed chunks' texts by URI, in order."""
        found: dict[str, list[tuple[int, str]]] = {}
        for stored, _ in self.index.scroll(collection or self.spec.name):
            found.setdefault(stored.chunk.uri, []).append((stored.chunk.start, stored.chunk.text))
        return {uri: [text for _, text in sorted(chunks)] for uri, chunks in sorted(found.items())}

    def content(self, collection: str | None = None) -> list[tuple[Any, bytes]]:
        """Everything that the index holds, to be compared."""
        return [(stored, vector.tobytes()) for stored, vector in self.index.scroll(collection or self.spec.name)]

    def close(self) -> None:
        self.index.close()
        self.database.close()


def spec_of(embedder: FakeEmbedder, splitter: StructureSplitter) -> CollectionSpec:
    return CollectionSpec(embedder.name, embedder.fingerprint, embedder.dimensions, splitter.name, splitter.fingerprint)


def counts(report: dict) -> tuple[int, ...]:
    """What a report counts: added, changed, unchanged, deleted, failed."""
    return tuple(report["documents"][name] for name in ("added", "changed", "unchanged", "deleted", "failed"))
