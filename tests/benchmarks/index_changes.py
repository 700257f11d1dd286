"""What one changed document costs the embedded index, by how many chunks it has: bytes, CPU and searches afterwards.

Vectors are random directions, the hardest there are for the engine's graph; texts are words as rare as a corpus's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.types import AccessScope, Chunk, CollectionSpec, EmbeddedDocument, document_id
from retrieval.indexes.edge import EdgeIndex
from tests.benchmarks.figures import spread
from tests.support.indexed_documents import spec_for

_SPEC: CollectionSpec = replace(spec_for("changes"), dimensions=384)
_CHUNKS = 5
_WORDS = 150
_COMMITS = 50
_SEARCHES = 200


def measure(scratch: Path, sizes: Sequence[int]) -> dict[str, Any]:
    """Figures for a collection of each size."""
    return {f"{chunks} chunks": _measured(scratch / str(chunks), chunks) for chunks in sizes}


def _measured(root: Path, chunks: int) -> dict[str, Any]:
    index = EdgeIndex(root)
    index.ensure(_SPEC)
    index.commit(_SPEC.name, (_document(number) for number in range(chunks // _CHUNKS)), [])
    opened = time.perf_counter()
    index.revision(_SPEC.name)
    opened = time.perf_counter() - opened
    before = _searched(index)
    cpu, written, seconds = zip(*(_changed(index, 7 * n, n + 1) for n in range(_COMMITS)), strict=True)
    return {
        "open_ms": round(opened * 1000, 1),
        "commit_cpu_ms": spread([1000 * each for each in cpu]),
        "commit_written_mb": spread([each / 1e6 for each in written]),
        "commit_ms": spread([1000 * each for each in seconds]),
        "search_ms_in_one_segment": before,
        f"search_ms_after_{_COMMITS}_commits": _searched(index),
        "segments": len(list((root / _SPEC.name / "segments").iterdir())),
    }


def _changed(index: EdgeIndex, number: int, version: int) -> tuple[float, int, float]:
    """CPU seconds, bytes written and seconds of a commit of one document."""
    document = _document(number, version)
    began, cpu, written = time.perf_counter(), time.process_time(), _written()
    index.commit(_SPEC.name, [document], [])
    return time.process_time() - cpu, _written() - written, time.perf_counter() - began


def _searched(index: EdgeIndex) -> dict[str, float]:
    times = []
    for number in range(_SEARCHES):
        asked = _document(-1 - number)
        question = " ".join(asked.chunks[0].text.split()[:8])
        began = time.perf_counter()
        index.search(_SPEC.name, question, asked.vectors[0], 100, AccessScope.everything())
        times.append(1000 * (time.perf_counter() - began))
    return spread(times[20:])


def _document(number: int, version: int = 0) -> EmbeddedDocument:
    chance = np.random.default_rng((number % (1 << 32), version))
    key, uri = document_id(f"s/{number}"), f"s/{number}"
    chunks = tuple(
        Chunk(key, ordinal, uri, f"t{number}", (), None, 0, len(text), text, "english")
        for ordinal, text in enumerate(_texts(chance))
    )
    vectors = chance.normal(size=(_CHUNKS, _SPEC.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return EmbeddedDocument(key, "s", str(version), ("public",), chunks, vectors)


def _texts(chance: np.random.Generator) -> Iterator[str]:
    for _ in range(_CHUNKS):
        yield " ".join(f"word{rank}" for rank in np.minimum(chance.zipf(1.2, _WORDS), 50_000))


def _written() -> int:
    """Bytes that this process has had written, as the system counts them."""
    counted = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counted["write_bytes"])
