"""A process that rebuilds and is killed: `python -m tests.support.victims.rebuild HOME DOCS MOMENT`.

At MOMENT, one of `ingestion_victim`'s, it sends itself SIGKILL.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fakes import FakeEmbedder
from tests.support.ingestion_pipeline import Workbench
from tests.support.victims.ingestion import Calls, DyingDocuments, DyingEmbedder, DyingIndex

MOMENTS = {
    "embedding": ("embed", 1),
    "second shard": ("embed", 2),
    "rows announced": ("save_entries done", 1),
    "half the upserts": ("upsert", 60),
    "index committed": ("commit done", 1),
    "rows of a shard saved": ("save_entries done", 2),
    "sampling": ("embed", 3),
}


def main(home: Path, docs: Path, moment: str) -> None:
    bench = Workbench(home, docs, index=DyingIndex(home / "index"), embedder=DyingEmbedder())
    bench.documents = DyingDocuments(bench.database)
    at = Calls(*MOMENTS[moment])
    bench.index.at = bench.embedder.at = bench.documents.at = at  # type: ignore[attr-defined]
    bench.splitter.tokens = FakeEmbedder()
    print("ready", flush=True)
    bench.rebuild(tokens=30).run()
    bench.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
