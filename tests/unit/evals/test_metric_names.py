"""The names that files and options may use for metrics."""

from __future__ import annotations

from evals.metrics.catalogue import judged_metrics, plain_metrics
from evals.metrics.names import METRICS
from tests.fakes import FakeEmbedder, FakeJudge


def test_every_metric_there_is_can_be_named_and_no_other() -> None:
    embedder = FakeEmbedder()
    there = [*plain_metrics(embedder, "english", asked=METRICS), *judged_metrics(FakeJudge(), embedder)]
    assert {metric.name for metric in there} == METRICS
