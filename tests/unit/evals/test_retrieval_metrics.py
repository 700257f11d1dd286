"""Retrieval metrics, against values worked out by hand."""

from __future__ import annotations

import math

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.cases.gold_span import GoldSpan
from evals.metrics.metric import Row
from evals.metrics.retrieval import ndcg
from tests.support.metric_rows import (
    answer,
    failed,
    outcome,
    passage,
    row,
    score,
    skipped,
    whole,
)

NAMES = ["ndcg_at_10", "recall_at_1", "recall_at_5", "recall_at_k", "mrr", "precision_at_5"]


def ranked(found_at: dict[int, tuple[int, int]], length: int, gold: list[GoldSpan]) -> Row:
    """Passages of which those at the ranks given cover those characters of docs/a.md; the others are elsewhere."""
    passages = [
        passage(rank, start=found_at[rank][0], text="x" * (found_at[rank][1] - found_at[rank][0]))
        if rank in found_at
        else passage(rank, uri="docs/other.md")
        for rank in range(1, length + 1)
    ]
    return row(answer(passages=passages), gold)


ONE = [GoldSpan("docs/a.md", 100, 120)]
TWO = [GoldSpan("docs/a.md", 100, 120), GoldSpan("docs/a.md", 500, 520)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ndcg_at_10", 1 / math.log2(3)),
        ("recall_at_1", 0.0),
        ("recall_at_5", 1.0),
        ("recall_at_k", 1.0),
        ("mrr", 0.5),
        ("precision_at_5", 0.2),
    ],
)
def test_evidence_in_the_second_passage(name: str, expected: float) -> None:
    assert score(name, ranked({2: (90, 110)}, 8, ONE)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ndcg_at_10", (1 + 1 / math.log2(7)) / (1 + 1 / math.log2(3))),
        ("recall_at_1", 0.5),
        ("recall_at_5", 0.5),
        ("recall_at_k", 1.0),
        ("mrr", 1.0),
        ("precision_at_5", 0.2),
    ],
)
def test_two_pieces_of_evidence_in_the_first_and_sixth_passage(name: str, expected: float) -> None:
    assert score(name, ranked({1: (90, 110), 6: (480, 540)}, 8, TWO)) == pytest.approx(expected)


def test_a_second_passage_with_the_same_piece_is_precise_but_finds_nothing_new() -> None:
    measured = ranked({1: (90, 110), 2: (100, 130)}, 8, TWO)
    assert score("recall_at_5", measured) == 0.5
    assert score("precision_at_5", measured) == 0.4


def test_one_passage_with_all_the_evidence_on_top_is_perfect() -> None:
    measured = ranked({1: (0, 600)}, 8, TWO)
    assert [score(name, measured) for name in NAMES[:5]] == [1.0] * 5


@pytest.mark.parametrize("name", NAMES)
def test_nothing_found_is_zero(name: str) -> None:
    assert score(name, ranked({}, 8, ONE)) == 0.0
    assert score(name, row(answer(), ONE)) == 0.0


def test_a_passage_that_only_touches_the_evidence_does_not_hold_it() -> None:
    assert score("recall_at_k", ranked({1: (120, 140)}, 1, ONE)) == 0.0
    assert score("recall_at_k", ranked({1: (119, 140)}, 1, ONE)) == 1.0


def test_where_the_evidence_is_a_whole_document_any_passage_of_it_counts() -> None:
    elsewhere = row(answer(passages=[passage(1, start=9_000)]), [whole()])
    assert score("recall_at_k", elsewhere) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_questions_without_evidence_are_skipped(name: str) -> None:
    assert skipped(name, row(answer(passages=[passage()])))
    assert skipped(name, row(answer(passages=[passage()]), gold_answer="Everyone."))


@pytest.mark.parametrize("name", NAMES)
def test_evidence_that_is_in_no_document_fails_the_row(name: str) -> None:
    case = row(answer(passages=[passage()]), ONE).case
    assert "evidence" in failed(name, Row(case, answer(), ()))


@given(
    ranks=st.lists(st.integers(1, 30), max_size=8),
    missed=st.integers(0, 5),
    depth=st.integers(1, 20),
)
def test_ndcg_is_a_share_and_never_falls_when_a_piece_moves_up(ranks: list[int], missed: int, depth: int) -> None:
    pieces = len(ranks) + missed or 1
    value = ndcg(ranks, pieces, depth)
    assert 0 <= value <= 1
    raised = [max(1, rank - 1) for rank in ranks]
    assert ndcg(raised, pieces, depth) >= value - 1e-12


@settings(deadline=None)
@given(st.permutations(range(1, 9)))
def test_the_order_of_the_evidence_does_not_matter(order: list[int]) -> None:
    gold = [GoldSpan("docs/a.md", 100 * place, 100 * place + 20) for place in order]
    spans = {rank: (100 * rank, 100 * rank + 20) for rank in (1, 3, 4)}
    found = outcome("ndcg_at_10", ranked(spans, 8, gold))
    assert found.value == pytest.approx(  # type: ignore[union-attr]
        (1 + 0.5 + 1 / math.log2(5)) / sum(1 / math.log2(1 + rank) for rank in range(1, 9))
    )


@settings(deadline=None, max_examples=50)
@given(
    ranks=st.sets(st.integers(1, 12), max_size=6),
    missed=st.integers(0, 3),
)
def test_where_no_passage_holds_two_pieces_the_metrics_are_those_of_trec_eval(ranks: set[int], missed: int) -> None:
    pieces = len(ranks) + missed or 1
    gold = [GoldSpan("docs/a.md", 100 * place, 100 * place + 20) for place in range(pieces)]
    spans = {rank: (100 * place, 100 * place + 20) for place, rank in enumerate(sorted(ranks))}
    judged = [ir_measures.Qrel("q", f"passage {rank}", 1) for rank in ranks]
    judged += [ir_measures.Qrel("q", f"missed {number}", 1) for number in range(pieces - len(ranks))]
    run = [ir_measures.ScoredDoc("q", f"passage {rank}", -rank) for rank in range(1, 13)]
    named = {
        "ndcg_at_10": ir_measures.nDCG @ 10,
        "recall_at_1": ir_measures.R @ 1,
        "recall_at_5": ir_measures.R @ 5,
        "recall_at_k": ir_measures.R @ 12,
        "mrr": ir_measures.RR,
        "precision_at_5": ir_measures.P @ 5,
    }
    told = ir_measures.calc_aggregate(list(named.values()), judged, run)
    for name, measure in named.items():
        assert score(name, ranked(spans, 12, gold)) == pytest.approx(told[measure], abs=1e-9)
