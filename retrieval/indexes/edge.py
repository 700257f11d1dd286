"""The embedded vector index: Qdrant Edge inside this process, one folder per collection."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import IndexUnavailableError
from core.search_filter import SearchFields
from core.text.languages import AUTO
from core.types import AccessScope, CollectionSpec, EmbeddedDocument, SearchLegs, StoredChunk, Vector
from retrieval.indexes.change import holding_dead, write_generation
from retrieval.indexes.disk import disk_errors
from retrieval.indexes.generations import CollectionFolder, GenerationManifest, Mark, collection_names
from retrieval.indexes.layers import Layers
from retrieval.indexes.schema import asked_terms, fields_of, require_same_spec
from retrieval.indexes.segments import SegmentWriter
from retrieval.indexes.tiers import joined
from retrieval.locks import exclusive_lock
from retrieval.sparse import SparseEncoder

_WRITER_WAIT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class _Reader:
    """An open generation."""

    mark: Mark
    manifest: GenerationManifest
    layers: Layers
    sparse: SparseEncoder
    languages: tuple[str, ...]


class EdgeIndex:
    """Collections under one folder. Any number of threads and processes read; one writer per collection at a time.

    See `generations` for how a commit becomes visible at once or not at all. Readers need to be able to write in the
    folder, because the engine rewrites its configuration file when it opens a shard.
    """

    def __init__(self, root: Path, writer_wait_seconds: float = _WRITER_WAIT_SECONDS) -> None:
        self._root = root
        self._writer_wait = writer_wait_seconds
        self._readers: dict[str, _Reader] = {}
        self._opening = threading.Lock()

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection unless it exists. Raises CollectionMismatchError if it exists with another spec."""
        with self._writing(spec.name, "create the collection") as folder:
            if folder.exists():
                require_same_spec(folder.current().generation.manifest().spec, spec)
                return
            SparseEncoder.of(spec)  # an unknown language is refused here, not at the first commit
            with folder.staged(None) as staged:
                staged.generation.seal(GenerationManifest(spec, staged.generation.number))
            folder.publish(staged.generation)

    def spec(self, collection: str) -> CollectionSpec:
        """What the collection was built with."""
        return self._reader(collection).manifest.spec

    def commit(self, collection: str, upserts: Iterable[EmbeddedDocument], deletes: Iterable[str]) -> int:
        """Write the documents into a segment of their own, joined with others where that is cheap, then make current a
        generation that reads it first. Raises ConflictError, naming the holder, if another writer is not done within
        ten minutes."""
        with self._writing(collection, "change the collection") as folder:
            current = folder.current().generation
            with folder.staged(current) as staged:
                writer = SegmentWriter(staged.segment, current.manifest().spec)
                came, removed = writer.replace(upserts), set(deletes)
                writer.delete(removed)
                write_generation(current, staged, writer, came | removed, joined)
            folder.publish(staged.generation)
            return staged.generation.number

    def purge(self, collection: str) -> None:
        """Write the segments anew that hold what was deleted, and remove them: their files still have the texts."""
        with self._writing(collection, "purge the collection") as folder:
            current = folder.current().generation
            with folder.staged(current) as staged:
                writer = SegmentWriter(staged.segment, current.manifest().spec)
                write_generation(current, staged, writer, set(), holding_dead)
            folder.publish(staged.generation)
            folder.remove_others(staged.generation)

    def search(
        self, collection: str, text: str | None, vector: Vector | None, limit: int, scope: AccessScope
    ) -> SearchLegs:
        """The best `limit` chunks by cosine and by BM25 among the documents that `scope` allows, and those that hold an
        identifier of the text."""
        reader = self._reader(collection)
        terms = asked_terms(reader.sparse, text, reader.languages)
        dense, sparse, exact = reader.layers.search(vector, terms, limit, scope)
        return SearchLegs(dense, sparse, reader.manifest.revision, exact)

    def languages(self, collection: str) -> tuple[str, ...]:
        """The languages that the collection's texts are analysed in, the commonest first."""
        return self._reader(collection).languages

    def fields(self, collection: str, scope: AccessScope) -> SearchFields:
        """What the documents that `scope` allows can be filtered by."""
        return fields_of(self._reader(collection).layers.counts(scope), scope)

    def fetch(self, collection: str, chunk_ids: Sequence[str], scope: AccessScope) -> list[StoredChunk]:
        """The chunks with these ids that exist and that `scope` allows, in the order of the ids."""
        found = self._reader(collection).layers.fetch(chunk_ids)
        return [found[key] for key in chunk_ids if key in found and scope.allows(found[key].access)]

    def chunk_counts(self, collection: str) -> dict[str, int]:
        """Number of chunks of each document, by document id."""
        return self._reader(collection).layers.chunk_counts()

    def scroll(self, collection: str) -> Iterator[tuple[StoredChunk, Vector]]:
        """Every chunk with its vector, ordered by chunk id, as the collection stood when the first was asked for."""
        return self._reader(collection).layers.scroll()

    def revision(self, collection: str) -> int:
        """Counts the collection's commits, from 0 when it was created."""
        return self._reader(collection).manifest.revision

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        return collection_names(self._root)

    def drop(self, collection: str) -> None:
        """Remove the collection. Dropping one that does not exist does nothing."""
        with self._writing(collection, "drop the collection") as folder:
            folder.remove()
        self._readers.pop(collection, None)

    def close(self) -> None:
        """Let go of all open collections. Searches that are under way finish."""
        self._readers.clear()

    @contextmanager
    def _writing(self, collection: str, purpose: str) -> Iterator[CollectionFolder]:
        folder = CollectionFolder.of(self._root, collection)
        with ExitStack() as held:
            with disk_errors():  # but not around what the caller does meanwhile, whose files are its own
                held.enter_context(exclusive_lock(folder.lock_file, f"{purpose} {collection}", self._writer_wait))
            yield folder

    def _reader(self, collection: str) -> _Reader:
        """The collection as CURRENT has it now, opened again if it moved."""
        folder = CollectionFolder.of(self._root, collection)
        reader = self._readers.get(collection)
        if reader is not None and reader.mark == folder.mark():
            return reader
        with self._opening:
            return self._open(folder)

    def _open(self, folder: CollectionFolder) -> _Reader:
        pointer = folder.current()
        reader = self._readers.get(folder.name)
        if reader is not None and reader.mark == pointer.mark:
            return reader  # another thread opened it while this one waited
        try:
            manifest = pointer.generation.manifest()
            before = reader.layers if reader is not None else None
            layers = Layers.open(pointer.generation.segments(), manifest.removed, before)
        except IndexUnavailableError:
            if folder.mark() != pointer.mark:  # two commits went by and this generation is gone
                return self._open(folder)
            raise
        languages = (manifest.spec.language,) if manifest.spec.language != AUTO else layers.languages()
        reader = _Reader(pointer.mark, manifest, layers, SparseEncoder.of(manifest.spec), languages)
        self._readers[folder.name] = reader
        return reader
