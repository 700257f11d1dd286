"""Cases, candidates and an evaluator for tests.support.app_world."""

from __future__ import annotations

from core.release import Release
from core.storage.releases import Decision, ReleaseRepository
from core.types import Actor, Role
from evals.cases.cases import Case, GoldEvidence
from evals.metrics.catalogue import plain_metrics
from evals.run.evaluation import EvaluationOrder, Evaluator, Panel
from tests.support.app_world import World

ANN = Actor("ann", frozenset({Role.REVIEW}))

HELD = "Every employee has thirty days of holiday each year."


def cases() -> list[Case]:
    evidence = (GoldEvidence(uri="handbook/holidays.md", quote=HELD),)
    answerable = [
        Case(id=f"days-{number}", question="How many days of holiday has every employee each year?", answer="Thirty.",
             evidence=evidence, tags=("holidays",))
        for number in range(30)
    ]  # fmt: skip
    return [*answerable, Case(id="parking", question="Where may visitors park their bicycles?", unanswerable=True)]


def candidate(world: World, **changes: object) -> Release:
    assert world.release is not None
    manifest = world.release.manifest
    retrieval = manifest.retrieval.model_copy(update=changes)
    return ReleaseRepository(world.database).add_candidate(
        manifest.model_copy(update={"retrieval": retrieval}), Decision("ann", "a test")
    )


def order(release: str = "candidate", baseline: str | None = "champion", *, fresh: bool = False) -> EvaluationOrder:
    return EvaluationOrder(release, baseline, "holidays", ANN, fresh)


def evaluator(world: World) -> Evaluator:
    # How long a busy machine took decides no test.
    metrics = [metric for metric in plain_metrics(world.embedder, "english") if metric.name != "latency"]
    return Evaluator(world.services, Panel(metrics))
