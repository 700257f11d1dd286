"""Choosing a chunk size by what the trials came to."""

from __future__ import annotations

from loop.remedies.chunk_search import Trial, chosen


def trials(**gains: tuple[float, float]) -> list[Trial]:
    """(gain of two choosing questions, gain of two held-out ones) by size."""
    return [Trial(int(size[1:]), (choosing,) * 2, (held_out,) * 2) for size, (choosing, held_out) in gains.items()]


def test_the_best_size_is_chosen_by_the_questions_that_choose() -> None:
    best, why_not = chosen(trials(t64=(0.2, 1.0), t128=(0.9, 0.8), t200=(0.5, 0.5)), live=200)
    assert (best.chunk_tokens, why_not) == (128, "")


def test_of_equally_good_sizes_the_middle_one_is_taken_unless_the_live_one_is_among_them() -> None:
    same = trials(t32=(0.0, 0.0), t64=(1.0, 1.0), t96=(1.0, 1.0), t128=(1.0, 1.0))
    assert chosen(same, live=32)[0].chunk_tokens == 96
    assert "No other chunk size" in chosen(same, live=128)[1]


def test_a_size_that_serves_held_out_questions_worse_is_not_taken_and_that_is_told() -> None:
    best, why_not = chosen(trials(t64=(1.0, 0.0), t200=(0.5, 0.5)), live=200)
    assert best.chunk_tokens == 64
    assert "worse" in why_not


def test_without_held_out_questions_the_best_size_is_taken() -> None:
    best, why_not = chosen([Trial(64, (1.0,), ()), Trial(200, (0.0,), ())], live=200)
    assert (best.chunk_tokens, why_not) == (64, "")
