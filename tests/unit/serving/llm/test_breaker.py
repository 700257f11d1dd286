"""The breaker: who keeps failing is spared, and found again within seconds."""

from __future__ import annotations

import pytest

from serving.llm.breaker import FAILURES, PROBE_SECONDS, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int = FAILURES) -> None:
    for _ in range(times):
        breaker.failed()


def test_a_failure_or_two_change_nothing(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    assert breaker.admit()
    assert not breaker.is_open


def test_failures_in_a_row_open_it_and_an_answer_between_them_does_not(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open
    assert not breaker.admit()


def test_while_it_is_open_one_question_in_a_few_seconds_is_let_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    admitted = []
    for _ in range(20):
        clock.now += PROBE_SECONDS / 2
        admitted.append(breaker.admit())
    assert sum(admitted) == 10


def test_a_question_that_hangs_does_not_keep_the_next_from_being_tried(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += PROBE_SECONDS
    assert breaker.admit()  # and never comes back
    clock.now += PROBE_SECONDS
    assert breaker.admit()


def test_looking_whether_it_refuses_takes_nobodys_turn(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    assert breaker.refuses()
    clock.now += PROBE_SECONDS
    assert not breaker.refuses()
    assert not breaker.refuses()
    assert breaker.admit()


def test_the_first_text_closes_it_and_one_more_failure_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += PROBE_SECONDS
    assert breaker.admit()
    breaker.heard()
    assert breaker.admit()
    breaker.failed()
    assert breaker.is_open


def test_a_whole_answer_wipes_the_slate_clean(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += PROBE_SECONDS
    breaker.heard()
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    assert not breaker.is_open


def test_it_recovers_in_less_than_ten_seconds() -> None:
    assert PROBE_SECONDS < 5
