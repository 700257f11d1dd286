"""What votes teach about questions: who is moved, how far, and that the rest stay where they are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.types import Vector
from retrieval.question_map import FLOOR, MOST_KNOWN, learned

DIMENSIONS = 64


def units(seed: int, count: int) -> Vector:
    """Random unit vectors, which in so many dimensions have little to do with one another."""
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSIONS))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def near(vector: Vector, seed: int, distance: float = 0.3) -> Vector:
    """Another unit vector, about so far away."""
    other = vector + distance * units(seed, 1)[0]
    return (other / np.linalg.norm(other)).astype(np.float32)


seeds = st.integers(0, 10_000)


@given(seeds, st.integers(1, 40), st.sampled_from([0.3, 1.0, 3.0]))
def test_what_is_searched_with_is_a_unit_vector(seed: int, count: int, ridge: float) -> None:
    taught = learned(units(seed, count), units(seed + 1, count), ridge)
    moved = taught.apply(units(seed + 2, 1)[0])
    assert moved.dtype == np.float32
    assert np.isclose(np.linalg.norm(moved), 1, atol=1e-5)


@given(seeds, st.integers(5, 40), st.sampled_from([0.3, 1.0, 3.0]))
def test_a_question_that_was_voted_on_comes_nearer_to_its_passage(seed: int, count: int, ridge: float) -> None:
    questions, passages = units(seed, count), units(seed + 1, count)
    taught = learned(questions, passages, ridge)
    for question, passage in zip(questions, passages, strict=True):
        assert taught.apply(question) @ passage > question @ passage


@given(seeds)
def test_so_does_one_in_other_words(seed: int) -> None:
    questions, passages = units(seed, 30), units(seed + 1, 30)
    asked = near(questions[0], seed + 2)
    assert learned(questions, passages, 1.0).apply(asked) @ passages[0] > asked @ passages[0]


@given(seeds)
def test_a_question_like_none_that_was_voted_on_stays_exactly_where_it_is(seed: int) -> None:
    questions = units(seed, 20)
    taught = learned(questions, units(seed + 1, 20), 0.3)
    other = units(seed + 2, 1)[0]
    direction = (other - taught.centre) / np.linalg.norm(other - taught.centre)
    if (taught.known @ direction).max() < FLOOR - 1e-4:
        assert taught.apply(other) is other
    away = -taught.known.sum(axis=0) + taught.centre  # on the far side of all of them
    away = (away / np.linalg.norm(away)).astype(np.float32)
    direction = (away - taught.centre) / np.linalg.norm(away - taught.centre)
    if (taught.known @ direction).max() < FLOOR - 1e-4:
        assert taught.apply(away) is away


@given(seeds)
def test_a_larger_ridge_moves_less(seed: int) -> None:
    questions, passages = units(seed, 20), units(seed + 1, 20)
    moved = [
        np.linalg.norm(learned(questions, passages, ridge).apply(questions[0]) - questions[0]) for ridge in (0.3, 3.0)
    ]
    assert moved[1] < moved[0]


@given(seeds)
def test_one_wrong_vote_among_several_does_not_turn_a_question_round(seed: int) -> None:
    question, right, wrong = units(seed, 3)
    asked = np.stack([near(question, seed + number) for number in range(1, 6)] + list(units(seed + 50, 15)))
    passages = np.stack([right] * 4 + [wrong] + list(units(seed + 90, 15)))
    moved = learned(asked, passages, 1.0).apply(question)
    assert moved @ right > question @ right
    assert moved @ right > moved @ wrong


def test_it_is_the_same_for_the_same_votes() -> None:
    one, other = (learned(units(1, 10), units(2, 10), 1.0) for _ in range(2))
    assert np.array_equal(one.moves, other.moves)


def test_one_vote_and_equal_votes_are_no_trouble() -> None:
    question, passage = units(1, 2)
    for count in (1, 4):
        moved = learned(np.stack([question] * count), np.stack([passage] * count), 1.0).apply(question)
        assert np.isfinite(moved).all()


def test_the_newest_votes_teach_where_there_are_many() -> None:
    assert len(learned(units(1, MOST_KNOWN + 5), units(2, MOST_KNOWN + 5), 1.0).known) == MOST_KNOWN
