"""Collections as the first layout had them: one shard, whose engine weighs the terms of BM25 itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Modifier,
    PayloadSchemaType,
    UpdateOperation,
)

from core.types import CollectionSpec, EmbeddedDocument
from retrieval.indexes.edge_shard import rows_of
from retrieval.indexes.schema import BM25, DATE, DENSE, KEYWORDS
from retrieval.sparse import SparseEncoder


def write_first_layout(root: Path, spec: CollectionSpec, documents: Iterable[EmbeddedDocument], revision: int) -> None:
    """The collection of `spec` under `root`, with these documents."""
    generation = root / spec.name / "generations" / str(revision)
    shard = generation / "shard"
    shard.mkdir(parents=True)
    rows = [row for document in documents for row in rows_of(document, SparseEncoder.of(spec))]
    _write_shard(shard, spec, [row.point for row in rows])
    files = {
        path.relative_to(shard).as_posix(): path.stat().st_size for path in sorted(shard.rglob("*")) if path.is_file()
    }
    manifest = {
        "spec": asdict(spec),
        "revision": revision,
        "chunks": len(rows),
        "files": files,
        "layout_version": 1,
    }
    (generation / "collection.json").write_text(json.dumps(manifest))
    (root / spec.name / "CURRENT").write_text(str(revision))


def _write_shard(path: Path, spec: CollectionSpec, points: list) -> None:  # type: ignore[type-arg]
    config = EdgeConfig(
        vectors={DENSE: EdgeVectorParams(size=spec.dimensions, distance=Distance.Cosine)},
        sparse_vectors={BM25: EdgeSparseVectorParams(modifier=Modifier.Idf)},
        wal_enabled=False,
    )
    engine = EdgeShard.create(str(path), config)
    kinds = {**dict.fromkeys(KEYWORDS, PayloadSchemaType.Keyword), DATE: PayloadSchemaType.Integer}
    for field, kind in kinds.items():
        engine.update(UpdateOperation.create_field_index(field, kind))
    engine.update(UpdateOperation.upsert_points(points))
    engine.optimize()
    engine.flush()
    engine.close()
    EdgeShard.load(str(path)).close()  # tidies up, as later readers then need not
