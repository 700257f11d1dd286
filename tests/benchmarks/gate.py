"""How often the gate is wrong, on real questions: candidates that differ from the champion by noise alone (A/A), and
candidates with a planted fault (A/B). Needs ../shared/data.

    python -m tests.benchmarks.gate [--test-set xquad] [--questions 150] [--repeats 20]

The extractive generator is deterministic, so two runs of one release agree to the letter, and an A/A run would prove
nothing. The noise is planted where the embedder is called: every vector is turned a little, another way each time, as
sampling would turn an answer. `decided` says how many answers that made right or wrong.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.ports import Embedder
from core.release import CollectionRef, ReleaseManifest
from core.settings import Settings
from core.storage.releases import Decision, ReleaseRepository
from core.telemetry import configure_logging
from core.types import Actor, CollectionSpec, Role, Vector
from evals.report.report import Report
from evals.run.evaluation import EvaluationOrder, Evaluator
from evals.run.session import panel
from ingestion.factory import default_spec, folder_source, open_pipeline
from retrieval.factory import open_embedder
from serving.factory import Services
from serving.releases.champion import Champion
from tests.benchmarks import machine
from tests.benchmarks.questions import FILES, documents_of, ingest, install, opened
from tests.benchmarks.run import save
from tests.support.reduced_model import reduced_model

BENCH = Actor("bench", frozenset({Role.REVIEW}))
# Length of the random vector that is added to each of length 1.
NOISE = 0.6
DROPPED = 0.2


class NoisyEmbedder:
    """An embedder whose every vector is off by a random direction of length `noise`, never the same twice."""

    def __init__(self, embedder: Embedder, noise: float, seed: int) -> None:
        self._embedder = embedder
        self._noise = noise
        self._random = np.random.default_rng(seed)
        self.name = embedder.name
        self.fingerprint = embedder.fingerprint
        self.dimensions = embedder.dimensions
        self.max_tokens = embedder.max_tokens

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        vectors = self._embedder.embed(texts, progress)
        directions = self._random.normal(size=vectors.shape)
        turned = vectors + self._noise * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        normal: Vector = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)
        return normal

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self._embedder.token_offsets(text)


@dataclass(frozen=True)
class Bench:
    """An installation with a champion, and the name of its dataset."""

    services: Services
    dataset: str

    @property
    def champion(self) -> ReleaseManifest:
        return Champion(self.services).answerer().release.manifest

    def evaluate(self, release: str, *, embedder: Embedder | None = None, fresh: bool = False) -> Report:
        """The release against the champion; with `embedder`, both answer with that one."""
        ours = self.services
        services = Services(ours.settings, ours.database, ours.index, embedder) if embedder else ours
        evaluator = Evaluator(services, panel(ours))
        return evaluator.run(EvaluationOrder(release, "champion", self.dataset, BENCH, fresh))

    def candidate(self, **changes: Any) -> str:
        """The id of a candidate that has these parts of its manifest instead of the champion's."""
        manifest = self.champion.model_copy(update=changes)
        return ReleaseRepository(self.services.database).add_candidate(manifest, Decision("bench", "a benchmark")).id


def repeat(bench: Bench, repeats: int) -> dict[str, Any]:
    """A/A: the champion against itself under noise, `repeats` times."""
    verdicts: Counter[str] = Counter()
    decided = []
    for number in range(repeats):
        noisy = NoisyEmbedder(bench.services.embedder, NOISE, number)
        report = bench.evaluate("champion", embedder=noisy, fresh=True)
        verdicts[report.verdict.value] += 1
        primary = report.metrics[0]
        decided.append(primary.wins + primary.losses)
        print(f"A/A {number + 1}: {report.summary}", flush=True)
    return {
        "runs": repeats,
        "verdicts": dict(verdicts),
        "falsely_better": verdicts["better"] / repeats,
        "decided": decided,
    }


def plant(bench: Bench, settings: Settings) -> dict[str, Any]:
    """A/B: each planted fault, and whether the gate let it pass."""
    retrieval = bench.champion.retrieval
    faults: dict[str, Callable[[], str]] = {
        "chunks of 32 tokens": lambda: _of(bench, _other_chunks(settings, 32)),
        f"{DROPPED:.0%} of the documents dropped": lambda: _of(bench, _dropped(bench, settings)),
        "fusion detuned: no BM25 leg": lambda: bench.candidate(
            retrieval=retrieval.model_copy(update={"dense_weight": 1.0})
        ),
        "fusion detuned: no dense leg, one passage": lambda: bench.candidate(
            retrieval=retrieval.model_copy(update={"dense_weight": 0.0, "top_k": 1})
        ),
        "embedder of another revision": lambda: _of(bench, _other_revision(bench, settings)),
    }
    return {name: _outcome(name, bench.evaluate(fault())) for name, fault in faults.items()}


def _outcome(name: str, report: Report) -> dict[str, Any]:
    primary = report.metrics[0]
    print(f"A/B {name}: {report.verdict.value}. {report.summary}", flush=True)
    return {
        "caught": not report.passes,
        "verdict": report.verdict.value,
        "correct": [primary.candidate, primary.baseline],
        "blocks": [block.code for block in report.blocks],
    }


def _of(bench: Bench, spec: CollectionSpec) -> str:
    return bench.candidate(collection=CollectionRef.of(spec))


def _other_chunks(settings: Settings, tokens: int) -> CollectionSpec:
    with opened(settings) as services:
        spec = default_spec(settings.model_copy(update={"chunk_tokens": tokens}), services.embedder)
    return ingest(settings, spec)


def _dropped(bench: Bench, settings: Settings) -> CollectionSpec:
    spec = ingest(settings, replace(bench.champion.collection.spec, base="dropped"))
    with open_pipeline(settings, spec) as pipeline:
        documents = sorted(pipeline.stores.index.chunk_counts(spec.name))
        gone = np.random.default_rng(1).permutation(documents)[: int(len(documents) * DROPPED)]
        pipeline.stores.index.commit(spec.name, [], [str(document) for document in gone])
    return spec


def _other_revision(bench: Bench, settings: Settings) -> CollectionSpec:
    """A collection whose vectors were made by another revision of the model than its record says, the one that embeds
    the questions. A revision that its fingerprint gives away is refused before anything is asked."""
    spec = replace(bench.champion.collection.spec, base="revision")
    folder = reduced_model(settings.home.parent / "revision", layers=3)
    revision = open_embedder(settings.model_copy(update={"embedder": str(folder)}))
    with open_pipeline(settings, spec) as pipeline:
        other = replace(pipeline, open_embedder=lambda: revision)
        other.run(folder_source(other, documents_of(settings)))
    return spec


def main() -> None:
    """Build the installation, run A/A and A/B, save the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-set", choices=sorted(FILES), default="xquad")
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=20)
    chosen = parser.parse_args()
    configure_logging("warning")
    with tempfile.TemporaryDirectory() as scratch:
        settings = install(Path(scratch) / "home", chosen.test_set, chosen.questions)
        with opened(settings) as services:
            bench = Bench(services, chosen.test_set)
            figures = {"planted": plant(bench, settings), "repeated": repeat(bench, chosen.repeats)}
    save(
        {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "test_set": chosen.test_set,
            "questions": chosen.questions,
            "noise": NOISE,
            **figures,
        }
    )


if __name__ == "__main__":
    main()
