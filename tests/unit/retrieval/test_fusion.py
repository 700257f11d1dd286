"""Min-max fusion, by its properties."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.types import Hit
from retrieval.fusion import FusedHit, fuse

SCORES = st.floats(-1e6, 1e6).map(lambda score: round(score, 3))
LEG = st.dictionaries(st.sampled_from("abcdefghij"), SCORES, max_size=10).map(
    lambda scores: [Hit(chunk_id, score) for chunk_id, score in scores.items()]
)
WEIGHT = st.floats(0, 1)


def scores_of(fused: list[FusedHit]) -> dict[str, float]:
    return {hit.chunk_id: hit.score for hit in fused}


def by_score(leg: list[Hit]) -> list[str]:
    return [hit.chunk_id for hit in sorted(leg, key=lambda hit: (-hit.score, hit.chunk_id))]


def test_a_worked_example() -> None:
    dense = [Hit("a", 0.9), Hit("b", 0.5), Hit("c", 0.1)]
    bm25 = [Hit("b", 12.0), Hit("d", 2.0)]
    assert fuse(dense, bm25, 0.5) == [
        FusedHit("b", 0.75, 0.5, 12.0),
        FusedHit("a", 0.5, 0.9, None),
        FusedHit("d", 0.5 * 2 / 12, None, 2.0),
        FusedHit("c", 0.0, 0.1, None),
    ]


def test_a_chunk_that_bm25_found_is_above_one_that_no_leg_speaks_for() -> None:
    fused = fuse([Hit("a", 0.9), Hit("b", 0.1)], [Hit("c", 3.0), Hit("d", 0.5)], 0.5)
    assert [hit.chunk_id for hit in fused] == ["a", "c", "d", "b"]


@given(LEG, LEG, WEIGHT, st.sets(st.sampled_from("abcdefghijkl"), min_size=1))
@example([Hit("b", 0.0)], [Hit("b", 256565.5), Hit("a", -895910.531)], 0.05894904202252539, {"a"})
def test_chunks_with_the_questions_identifier_come_before_all_others(
    dense: list[Hit], bm25: list[Hit], weight: float, exact: set[str]
) -> None:
    fused = fuse(dense, bm25, weight, exact)
    holds = [hit.chunk_id in exact for hit in fused]
    assert exact <= {hit.chunk_id for hit in fused}
    assert holds == sorted(holds, reverse=True)
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)


def test_nothing_found_is_nothing() -> None:
    assert fuse([], [], 0.5) == []


def test_equal_scores_in_a_leg_count_fully_and_are_ordered_by_id() -> None:
    assert fuse([Hit("b", 0.3), Hit("a", 0.3)], [], 0.6) == [
        FusedHit("a", 0.6, 0.3, None),
        FusedHit("b", 0.6, 0.3, None),
    ]


@given(LEG, LEG, WEIGHT, st.randoms())
def test_the_order_of_the_hits_does_not_matter(
    dense: list[Hit], bm25: list[Hit], weight: float, random: Random
) -> None:
    expected = fuse(dense, bm25, weight)
    random.shuffle(dense)
    random.shuffle(bm25)
    assert fuse(dense, bm25, weight) == expected


@given(LEG, LEG, st.floats(0.01, 0.99))
def test_every_chunk_of_both_legs_appears_once_with_its_raw_scores(
    dense: list[Hit], bm25: list[Hit], weight: float
) -> None:
    fused = fuse(dense, bm25, weight)
    assert sorted(hit.chunk_id for hit in fused) == sorted({hit.chunk_id for hit in dense + bm25})
    assert {hit.chunk_id: hit.dense for hit in fused if hit.dense is not None} == {h.chunk_id: h.score for h in dense}
    assert {hit.chunk_id: hit.bm25 for hit in fused if hit.bm25 is not None} == {h.chunk_id: h.score for h in bm25}


@given(LEG, LEG, WEIGHT)
def test_scores_are_between_zero_and_one_best_first_and_ties_are_ordered_by_id(
    dense: list[Hit], bm25: list[Hit], weight: float
) -> None:
    fused = fuse(dense, bm25, weight)
    assert all(0 <= hit.score <= 1 + 1e-9 for hit in fused)
    assert fused == sorted(fused, key=lambda hit: (-hit.score, hit.chunk_id))


@given(LEG, LEG)
def test_a_whole_weight_reproduces_one_legs_order(dense: list[Hit], bm25: list[Hit]) -> None:
    assert [hit.chunk_id for hit in fuse(dense, bm25, 1.0)] == by_score(dense)
    assert [hit.chunk_id for hit in fuse(dense, bm25, 0.0)] == by_score(bm25)


@given(LEG, LEG, WEIGHT)
def test_a_chunk_that_both_legs_score_higher_never_ranks_lower(
    dense: list[Hit], bm25: list[Hit], weight: float
) -> None:
    by_dense = {hit.chunk_id: hit.score for hit in dense}
    by_bm25 = {hit.chunk_id: hit.score for hit in bm25}
    fused = scores_of(fuse(dense, bm25, weight))
    shared = [chunk_id for chunk_id in fused if chunk_id in by_dense and chunk_id in by_bm25]
    for better in shared:
        for worse in shared:
            if by_dense[better] >= by_dense[worse] and by_bm25[better] >= by_bm25[worse]:
                assert fused[better] >= fused[worse] - 1e-12


@given(LEG, LEG, WEIGHT, st.sampled_from([0.5, 2.0, 1024.0]))
def test_the_scale_of_a_legs_scores_does_not_matter(
    dense: list[Hit], bm25: list[Hit], weight: float, factor: float
) -> None:
    scaled = [Hit(hit.chunk_id, hit.score * factor) for hit in bm25]
    assert scores_of(fuse(dense, scaled, weight)) == pytest.approx(scores_of(fuse(dense, bm25, weight)))


@given(LEG, st.floats(0.01, 0.99))
def test_being_found_by_a_second_leg_never_costs_a_chunk_anything(dense: list[Hit], weight: float) -> None:
    alone = scores_of(fuse(dense, [], weight))
    for chunk_id in alone:
        assert scores_of(fuse(dense, [Hit(chunk_id, 1.0)], weight))[chunk_id] >= alone[chunk_id]
