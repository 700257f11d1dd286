"""Collections of the first layout: each generation was one shard, copied whole at every commit.

    generations/<n>/collection.json   spec, revision, chunks, the size of each file under shard/
    generations/<n>/shard/            the engine's files; the engine weighs BM25's terms itself

They are read as they are. The next commit takes their chunks over into a segment.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from retrieval.indexes.disk import damaged, disk_errors, require_files
from retrieval.indexes.document_table import DocumentEntry, DocumentTable
from retrieval.indexes.edge_shard import Shard
from retrieval.indexes.segments import SegmentFolder, SegmentManifest
from retrieval.indexes.term_counts import TermCounts

FIRST_LAYOUT = 1


@dataclass(frozen=True, slots=True)
class FirstLayoutFolder(SegmentFolder):
    """A generation of the first layout as the one segment of its collection."""

    @disk_errors()
    def manifest(self) -> SegmentManifest:
        try:
            content = json.loads((self.path / "collection.json").read_bytes())
            manifest = SegmentManifest(content["chunks"], {f"shard/{name}": n for name, n in content["files"].items()})
        except (ValueError, KeyError) as error:
            raise damaged(self.path, "collection.json cannot be read") from error
        require_files(self.path, manifest.files)
        return manifest

    def table(self) -> DocumentTable:
        counts = Shard.load(self.shard).chunk_counts()
        return DocumentTable.of({key: DocumentEntry(chunks) for key, chunks in counts.items()})

    def counts(self) -> TermCounts | None:
        return None
