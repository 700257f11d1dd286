"""Retrieval: how far up the passages that hold the evidence stand.

A piece of evidence is found by the first passage that overlaps it. With p pieces, found at ranks r:
- recall@k = pieces found in the first k passages / p (k = all passages given for `recall_at_k`);
- nDCG@10 = (sum over the pieces found with r <= 10 of 1 / log2(1 + r)) / (the same sum for pieces found at ranks
  1, 2, ... p), at most 1. Järvelin and Kekäläinen 2002, each piece counted once (the alpha-nDCG of Clarke et al. 2008
  with alpha = 1), so that a finer splitting does not add relevant passages to find;
- MRR = 1 / the lowest r (Voorhees 1999), 0 if nothing is found;
- precision@5 = passages among the first 5 that overlap any piece / 5.

Where no passage holds two pieces all of them are trec_eval's, to 1e-9. trec_eval counts passages instead of pieces, so
with two in one it says something else, and a release would gain or lose by how its documents are cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from evals.metrics.metric import Group, Outcome, Row, Scored
from evals.metrics.relevance import first_ranks, is_relevant, without_evidence
from evals.metrics.row_metric import RowMetric, share


def retrieval_metrics() -> list[RowMetric]:
    """nDCG, recall, MRR and precision of the passages."""
    return [
        _metric(
            "ndcg_at_10",
            "How far up the evidence stands among the first 10 passages, 1 if it is on top.",
            lambda row: Scored(ndcg(_ranks(row), len(row.gold), 10), {"ranks": _ranks(row)}),
        ),
        _recall("recall_at_1", 1, "Share of the evidence that the first passage holds."),
        _recall("recall_at_5", 5, "Share of the evidence that the first 5 passages hold."),
        _recall("recall_at_k", None, "Share of the evidence that the passages given to the generator hold."),
        _metric("mrr", "1 divided by the rank of the first passage that holds evidence.", _reciprocal_rank),
        _metric("precision_at_5", "Share of the first 5 passages that hold evidence.", _precision),
    ]


def ndcg(ranks: Sequence[int], pieces: int, depth: int) -> float:
    """nDCG at `depth` of `pieces` pieces of evidence, those that were found being first seen at `ranks`."""
    gain = sum(discount(rank) for rank in ranks if rank <= depth)
    best = sum(discount(rank) for rank in range(1, min(pieces, depth) + 1))
    return min(1.0, gain / best)


def discount(rank: int) -> float:
    """What a piece of evidence is worth that is first seen at this rank, from 1."""
    return 1 / math.log2(1 + rank)


def _metric(name: str, description: str, measure: Callable[[Row], Outcome]) -> RowMetric:
    def measured(row: Row) -> Outcome:
        return without_evidence(row) or measure(row)

    return RowMetric(name, Group.RETRIEVAL, description, measured)


def _recall(name: str, depth: int | None, description: str) -> RowMetric:
    def measure(row: Row) -> Outcome:
        ranks = _ranks(row)
        found = [rank for rank in ranks if depth is None or rank <= depth]
        return share(len(found), len(row.gold), ranks=ranks)

    return _metric(name, description, measure)


def _reciprocal_rank(row: Row) -> Outcome:
    ranks = _ranks(row)
    return Scored(1 / min(ranks) if ranks else 0.0, {"ranks": ranks})


def _precision(row: Row) -> Outcome:
    relevant = [rank for rank, passage in enumerate(row.answer.passages[:5], start=1) if is_relevant(passage, row.gold)]
    return share(len(relevant), 5, ranks=relevant)


def _ranks(row: Row) -> list[int]:
    return first_ranks(row.answer.passages, row.gold)
