"""Whole ingestion against the bare embedding loop over the same chunks, in turn, in one process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from core.settings import Settings, load_settings
from ingestion.factory import folder_source, open_pipeline
from retrieval.factory import open_embedder, open_index
from tests.benchmarks.figures import spread


def measure(folder: Path, scratch: Path, models: Path, rounds: int) -> tuple[dict[str, Any], Settings]:
    """The figures, and the settings of the last ingested home for the measurements that need an index."""
    whole, bare, settings = [], [], None
    for number in range(rounds):
        settings = _home(scratch / f"round-{number}", models)
        started = time.perf_counter()
        report = _ingest(settings, folder)
        whole.append(report["chunks"]["embedded"] / (time.perf_counter() - started))
        texts = _texts(settings, report["collection"])
        embedder = open_embedder(settings)
        embedder.embed(texts[:64])  # compile before the clock starts, as a running process has
        started = time.perf_counter()
        embedder.embed(texts)
        bare.append(len(texts) / (time.perf_counter() - started))
    assert settings is not None
    started = time.perf_counter()
    again = _ingest(settings, folder)
    figures = {
        "documents": report["documents"]["seen"],
        "chunks": report["chunks"]["written"],
        "whole_chunks_per_second": spread(whole, 1),
        "bare_loop_chunks_per_second": spread(bare, 1),
        "ratio": spread([one / other for one, other in zip(whole, bare, strict=True)]),
        "unchanged_rerun_seconds": round(time.perf_counter() - started, 3),
        "unchanged_rerun_embedded": again["chunks"]["embedded"],
    }
    return figures, settings


def _ingest(settings: Settings, folder: Path) -> dict[str, Any]:
    with open_pipeline(settings) as pipeline:
        return pipeline.run(folder_source(pipeline, folder))


def _home(home: Path, models: Path) -> Settings:
    home.mkdir(parents=True)
    (home / "models").symlink_to(models.absolute())
    return load_settings(home=home)


def _texts(settings: Settings, collection: str) -> list[str]:
    index = open_index(settings)
    texts = [stored.chunk.indexed_text for stored, _ in index.scroll(collection)]
    index.close()
    return texts
