"""What ingestion costs, in seconds of the processor: its own work against the bare embedding loop over the same chunks,
and against other libraries' pipelines.

Times are those of all cores and of the processes that convert, so that what else a machine does counts little. Own work
is a run whose embedder costs nothing. The bare loop embeds evenly spread chunks and stands for all of them.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.ports import Embedder
from core.settings import Settings, load_settings
from ingestion.factory import folder_source, open_pipeline
from retrieval.embedders.model import EmbeddingModel, locate_model
from retrieval.factory import open_embedder, open_index
from tests.benchmarks.costless_embedder import CostlessEmbedder
from tests.benchmarks.figures import spread
from tests.benchmarks.rival_pipelines import Encode, installed, sentence_transformers

_BARE_CHUNKS = 512
_SMALL_SHARE = 30
"""One document in so many is embedded by everybody in turn."""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor, and what came of it."""
    before = _processor()
    result = work()
    return _processor() - before, result


def _processor() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


@dataclass(frozen=True)
class Installation:
    """A home of its own, and an embedder that is put in the place of its model."""

    settings: Settings
    embedder: Embedder

    @classmethod
    def new(cls, home: Path, models: Path, embedder: Callable[[EmbeddingModel], Embedder]) -> Installation:
        home.mkdir(parents=True)
        (home / "models").symlink_to(models.absolute())
        settings = load_settings(home=home)
        return cls(settings, embedder(locate_model(settings.embedder, home / "models")))

    def ingest(self, folder: Path) -> dict[str, Any]:
        with open_pipeline(self.settings) as pipeline:
            mine = replace(pipeline, open_embedder=lambda: self.embedder)
            return mine.run(folder_source(mine, folder))

    def texts(self, collection: str) -> list[str]:
        index = open_index(self.settings)
        texts = [stored.chunk.indexed_text for stored, _ in index.scroll(collection)]
        index.close()
        return texts


def measure(folder: Path, scratch: Path, models: Path, rounds: int) -> tuple[dict[str, Any], Settings]:
    """The figures, and the settings of an ingested home for the measurements that need an index."""
    documents = scratch / "documents" / folder.name
    shutil.copytree(folder, documents)
    real = Installation.new(scratch / "real", models, lambda _: open_embedder(load_settings(home=scratch / "real")))
    model = locate_model(real.settings.embedder, models)
    whole, report = timed(lambda: real.ingest(documents))
    figures: dict[str, Any] = {
        "documents": report["documents"]["seen"],
        "chunks": report["chunks"]["written"],
        "whole_cpu_seconds": round(whole, 1),
    }
    figures |= _own_work(documents, scratch, models, real.embedder, rounds)
    figures["others"] = _others(documents, scratch, models, real.embedder, model, rounds)
    return figures, real.settings


def _own_work(folder: Path, scratch: Path, models: Path, embedder: Embedder, rounds: int) -> dict[str, Any]:
    """Own work, reruns and the bare loop, in turn."""
    own, bare, unchanged, changed = [], [], [], []
    for number in range(rounds):
        bench = Installation.new(scratch / f"own-{number}", models, CostlessEmbedder)
        seconds, report = timed(lambda bench=bench: bench.ingest(folder))  # type: ignore[misc]
        own.append(seconds)
        bare.append(_bare_loop(bench.texts(report["collection"]), embedder))
        unchanged.append(timed(lambda bench=bench: bench.ingest(folder))[0])  # type: ignore[misc]
        _change(folder, number)
        seconds, report = timed(lambda bench=bench: bench.ingest(folder))  # type: ignore[misc]
        changed.append(seconds + bare[-1] * report["chunks"]["embedded"] / len(bench.texts(report["collection"])))
    whole = [one + other for one, other in zip(own, bare, strict=True)]
    return {
        "own_cpu_seconds": spread(own, 1),
        "bare_loop_cpu_seconds": spread(bare, 1),
        "own_share_of_bare_loop": _shares(own, bare),
        "unchanged_share_of_whole": _shares(unchanged, whole),
        "one_percent_changed_share_of_whole": _shares(changed, whole),
    }


def _bare_loop(texts: Sequence[str], embedder: Embedder) -> float:
    """Seconds for all of the texts, reckoned from evenly spread ones."""
    sample = texts[:: max(1, len(texts) // _BARE_CHUNKS)]
    embedder.embed(sample[:200])  # compile before the clock starts, as a running process has
    return timed(lambda: embedder.embed(sample))[0] * len(texts) / len(sample)


def _change(folder: Path, number: int) -> None:
    """A line more in every hundredth document."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file())[::100]:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\nThis was added in round {number}.\n")


def _others(
    folder: Path, scratch: Path, models: Path, embedder: Embedder, model: EmbeddingModel, rounds: int
) -> dict[str, Any]:
    """How many times our seconds the others take: their own work over all documents, with their default chunks; and
    all of it over some, each with its way of embedding the same model and chunks as small as ours, because of longer
    ones the model reads only the beginning."""
    files = sorted(folder.rglob("*.md"))
    few = scratch / "few" / folder.name
    few.mkdir(parents=True)
    for number, file in enumerate(files[::_SMALL_SHARE]):
        shutil.copy(file, few / f"{number}.md")
    table = CostlessEmbedder(model)
    figures = {
        "own_work": _compared(folder, files, scratch / "own", models, table, _listed(table), rounds, small=False),
        "with_embedding": _compared(
            few, sorted(few.iterdir()), scratch / "all", models, embedder, sentence_transformers(model.folder), rounds,
            small=True,
        ),
    }  # fmt: skip
    return {**figures, "embedded_documents": len(list(few.iterdir()))}


def _compared(
    folder: Path, files: Sequence[Path], scratch: Path, models: Path, embedder: Embedder, encode: Encode, rounds: int,
    *, small: bool,
) -> dict[str, Any]:  # fmt: skip
    rivals = installed()
    for rival in rivals.values():
        rival(files[:3], encode, small)  # import and load before the clock starts
    embedder.embed([f"text {number}" for number in range(200)])
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in rivals}
    chunks: dict[str, int] = {}
    for number in range(rounds):
        bench = Installation.new(scratch / str(number), models, lambda _: embedder)
        seconds, report = timed(lambda bench=bench: bench.ingest(folder))  # type: ignore[misc]
        ours.append(seconds)
        chunks["RAGLoop"] = report["chunks"]["written"]
        for name, rival in rivals.items():
            seconds, chunks[name] = timed(lambda rival=rival: rival(files, encode, small))  # type: ignore[misc]
            theirs[name].append(seconds)
    return {
        "chunks": chunks,
        "our_cpu_seconds": spread(ours, 1),
        "times_ours": {name: _shares(seconds, ours) for name, seconds in theirs.items()},
    }


def _listed(embedder: Embedder) -> Encode:
    vectors = [[0.0] * embedder.dimensions]  # made once: making lists of numbers would be a cost

    def encode(texts: Sequence[str]) -> list[list[float]]:
        return vectors * len(texts)

    return encode


def _shares(parts: Sequence[float], wholes: Sequence[float]) -> dict[str, Any]:
    return spread([part / whole for part, whole in zip(parts, wholes, strict=True)], 4)
