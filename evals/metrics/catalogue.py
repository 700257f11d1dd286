"""Every metric there is. The names are the ledger's, the gate's file's and the report's."""

from __future__ import annotations

from collections.abc import Collection

from core.ports import Embedder
from core.prices import Prices
from evals.metrics.citations import citation_metrics
from evals.metrics.grounding import grounding_metric
from evals.metrics.judged import judged_metrics
from evals.metrics.meanings import Meanings
from evals.metrics.metric import Metric
from evals.metrics.operation import operation_metrics
from evals.metrics.retrieval import retrieval_metrics
from evals.metrics.text.consistency import Consistency
from evals.metrics.text.gold_answer import gold_answer_metrics
from evals.metrics.text.overlap import overlap_metrics
from evals.metrics.text.quality import quality_metrics
from evals.metrics.text.safety import safety_metrics

__all__ = ["judged_metrics", "plain_metrics"]


def plain_metrics(
    embedder: Embedder, language: str, prices: Prices | None = None, asked: Collection[str] = ()
) -> list[Metric]:
    """The metrics that ask no model server, in the report's order; BLEU and ROUGE only where `asked` names them. Raises
    SettingsError if the packages of those are missing."""
    meanings = Meanings(embedder)
    return [
        *quality_metrics(language),
        *retrieval_metrics(),
        *citation_metrics(),
        grounding_metric(language),
        *gold_answer_metrics(meanings),
        *overlap_metrics(asked),
        *safety_metrics(language),
        Consistency(meanings),
        *operation_metrics(prices),
    ]
