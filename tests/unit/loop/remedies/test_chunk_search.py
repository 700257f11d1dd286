"""Choosing a chunk size by what the trials came to."""

from __future__ import annotations

from loop.remedies.chunk_search import Trial, chosen


def trials(**gains: tuple[float, float]) -> list[Trial]:
    """(gain of two choosing questions, gain of two held-out ones) by size."""
    return [Trial(int(size[1:]), (choosing,) * 2, (held_out,) * 2) for size, (choosing, held_out) in gains.items()]


def test_the_best_size_is_chosen_by_the_questions_that_choose() -> None:
    found = chosen(trials(t64=(0.2, 1.0), t128=(0.9, 0.8), t200=(0.5, 0.5)), live=200)
    assert found["chunk_tokens"] == 128
    assert found["held_out"]["live"] == 0.5
    assert found["held_out"]["candidate"] == 0.8


def test_of_equally_good_sizes_the_middle_one_is_taken_unless_the_live_one_is_among_them() -> None:
    same = trials(t32=(0.0, 0.0), t64=(1.0, 1.0), t96=(1.0, 1.0), t128=(1.0, 1.0))
    assert chosen(same, live=32)["chunk_tokens"] == 96
    assert "nothing_better" in chosen(same, live=128)


def test_a_size_that_serves_held_out_questions_worse_is_not_proposed_and_the_numbers_are_told() -> None:
    found = chosen(trials(t64=(1.0, 0.0), t200=(0.5, 0.5)), live=200)
    assert "chunk_tokens" not in found
    assert "worse" in found["nothing_better"]
    assert found["held_out"]["difference"] == -0.5


def test_without_held_out_questions_the_proposal_says_so() -> None:
    found = chosen([Trial(64, (1.0,), ()), Trial(200, (0.0,), ())], live=200)
    assert found["chunk_tokens"] == 64
    assert found["held_out"] == {"questions": 0}
