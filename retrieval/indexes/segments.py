"""One part of an embedded collection, written once and never changed: an engine's shard, and what BM25 and later
commits need to know of it without opening that.

    segments/<name>/segment.json    how many chunks it has, and the size of each of its files
    segments/<name>/shard/          the engine's files
    segments/<name>/documents.npy   its documents, sorted
    segments/<name>/entries.npy     how many chunks each has, and where its terms are
    segments/<name>/terms.bin       the terms of each chunk, document by document
    segments/<name>/counts.npy      in how many chunks each term is
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, groupby
from pathlib import Path

import numpy as np

from core.types import CollectionSpec, EmbeddedDocument
from retrieval.durable import sync_tree
from retrieval.indexes.disk import bytes_taken, damaged, disk_errors, file_sizes, require_files, require_space
from retrieval.indexes.document_table import DocumentEntry, DocumentTable, Rows
from retrieval.indexes.edge_shard import PointRow, Shard, rows_of
from retrieval.indexes.schema import UPSERT_CHUNKS, require_vectors
from retrieval.indexes.term_counts import TermCounts
from retrieval.sparse import SparseEncoder

_TERM = np.dtype(np.uint32)


@dataclass(frozen=True, slots=True)
class SegmentManifest:
    """The content of `segment.json`; `files` has the size in bytes of each other file."""

    chunks: int
    files: dict[str, int]


@dataclass(frozen=True, slots=True)
class SegmentFolder:
    """A segment on disk, closed."""

    path: Path

    @property
    def shard(self) -> Path:
        return self.path / "shard"

    @disk_errors()
    def manifest(self) -> SegmentManifest:
        """What the segment is. Raises IndexUnavailableError unless every file is there with its size."""
        try:
            manifest = SegmentManifest(**json.loads((self.path / "segment.json").read_bytes()))
        except FileNotFoundError as error:
            raise damaged(self.path, "segment.json is missing") from error
        except (ValueError, TypeError) as error:
            raise damaged(self.path, "segment.json cannot be read") from error
        require_files(self.path, manifest.files)
        return manifest

    @disk_errors()
    def table(self) -> DocumentTable:
        """Its documents."""
        try:
            return DocumentTable.load(self.path)
        except ValueError as error:
            raise damaged(self.path, "documents.npy cannot be read") from error

    @disk_errors()
    def counts(self) -> TermCounts | None:
        """In how many chunks each term is; None where the engine knows it."""
        try:
            return TermCounts.load(self.path / "counts.npy")
        except ValueError as error:
            raise damaged(self.path, "counts.npy cannot be read") from error

    @disk_errors()
    def counts_of(self, table: DocumentTable, rows: Rows) -> TermCounts:
        """The same for the chunks of some of its documents."""
        with (self.path / "terms.bin").open("rb") as file:
            return TermCounts.of(
                np.frombuffer(os.pread(file.fileno(), terms * _TERM.itemsize, start * _TERM.itemsize), dtype=_TERM)
                for _, start, terms in table.entries[rows].tolist()
            )


@dataclass(frozen=True, slots=True, eq=False)
class OpenSegment:
    """A segment, open. Python frees the engine when the last thread that uses it lets go."""

    folder: SegmentFolder
    shard: Shard
    table: DocumentTable
    counts: TermCounts | None

    @classmethod
    def open(cls, folder: SegmentFolder) -> OpenSegment:
        """Raises IndexUnavailableError unless all that was written can be read."""
        manifest = folder.manifest()
        shard = Shard.load(folder.shard)
        if shard.count() != manifest.chunks:
            raise damaged(folder.path, f"{shard.count()} of {manifest.chunks} chunks are readable")
        return cls(folder, shard, folder.table(), folder.counts())


class SegmentWriter:
    """A segment that is being written. Its folder is made with its first chunk; a document that comes again replaces
    what came of it before."""

    def __init__(self, path: Path, spec: CollectionSpec) -> None:
        self._folder = SegmentFolder(path)
        self._spec = spec
        self._sparse = SparseEncoder.of(spec)
        self._shard: Shard | None = None
        self._terms = 0
        self.documents: dict[str, DocumentEntry] = {}
        """Those that were written and have chunks."""

    @property
    def name(self) -> str:
        return self._folder.path.name

    @property
    def chunks(self) -> int:
        return sum(entry.chunks for entry in self.documents.values())

    def replace(self, documents: Iterable[EmbeddedDocument]) -> set[str]:
        """Write these documents, holding about 256 chunks at a time, and return the ids of all of them."""
        seen: set[str] = set()
        pending: dict[str, EmbeddedDocument] = {}
        for document in documents:
            require_vectors(document, self._spec)
            if document.document_id in pending or sum(len(d.chunks) for d in pending.values()) >= UPSERT_CHUNKS:
                self._replace(pending)
                pending = {}
            pending[document.document_id] = document
            seen.add(document.document_id)
        self._replace(pending)
        return seen

    def delete(self, document_ids: Iterable[str]) -> None:
        """Take these documents out again."""
        written = [key for key in document_ids if self.documents.pop(key, None)]
        if written and self._shard is not None:
            self._shard.delete(written)

    def take_over(self, other: OpenSegment, dead: Rows) -> None:
        """Copy another segment's documents but for the rows that are dead, their vectors as they are."""
        batch: dict[str, int] = {}
        for document, chunks in other.table.without(dead).items():
            batch[document] = chunks
            if sum(batch.values()) >= UPSERT_CHUNKS:
                self._put(other.shard.rows(list(batch), sum(batch.values())))
                batch = {}
        if batch:
            self._put(other.shard.rows(list(batch), sum(batch.values())))

    @disk_errors()
    def finish(self) -> bool:
        """Wait until all of it is on the disk. False if there is nothing to be written."""
        if self._shard is None or not self.documents:
            return False
        path = self._folder.path
        require_space(path, 2 * bytes_taken(self._folder.shard))  # which the engine writes anew to build its graph
        expected = self.chunks
        if (readable := self._shard.finish()) != expected:
            raise damaged(path, f"{readable} of {expected} chunks are readable")
        table = DocumentTable.of(self.documents)
        table.save(path)
        self._folder.counts_of(table, np.arange(len(table.ids))).save(path / "counts.npy")
        manifest = SegmentManifest(expected, file_sizes(path))
        (path / "segment.json").write_text(json.dumps(asdict(manifest), indent=1))
        sync_tree(path)
        return True

    def _replace(self, documents: dict[str, EmbeddedDocument]) -> None:
        self.delete(documents)
        self._put([row for document in documents.values() for row in rows_of(document, self._sparse)])

    @disk_errors()
    def _put(self, rows: Sequence[PointRow]) -> None:
        if not rows:
            return
        if self._shard is None:
            self._folder.shard.mkdir(parents=True)
            self._shard = Shard.create(self._folder.shard, self._spec.dimensions)
        require_space(self._folder.path, 0)
        self._shard.put(rows)
        with (self._folder.path / "terms.bin").open("ab") as file:
            for document, chunks in groupby(rows, key=lambda row: row.document_id):
                each = [row.terms for row in chunks]
                terms = np.fromiter(chain.from_iterable(each), dtype=_TERM)
                self.documents[document] = DocumentEntry(len(each), self._terms, len(terms))
                self._terms += len(terms)
                file.write(terms.tobytes())
