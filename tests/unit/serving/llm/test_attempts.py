"""How often a server is asked again."""

from __future__ import annotations

import asyncio

import pytest

from serving.llm.attempts import attempts

ALLOWED = {ConnectionResetError: 3, TimeoutError: 2, ValueError: 1, asyncio.CancelledError: 9}


async def asked(*failures: type[BaseException]) -> int:
    """The questions that a server gets which fails so, one after the other, and then answers."""
    questions = 0

    async def ask() -> None:
        nonlocal questions
        questions += 1
        if questions <= len(failures):
            raise failures[questions - 1]

    again = attempts(lambda error: ALLOWED[type(error)], first_pause=0.001, longest_pause=0.001, jitter=0.001)
    try:
        await again(ask)
    except failures as error:
        assert type(error) is failures[questions - 1]  # noqa: PT017 - what went wrong last is what is raised
        return -questions
    return questions


@pytest.mark.parametrize(
    ("failures", "questions"),
    [
        ((ConnectionResetError, ConnectionResetError), 3),
        ((ConnectionResetError,) * 3, -3),
        ((TimeoutError,), 2),
        ((ConnectionResetError, TimeoutError), -2),
        ((ValueError,), -1),
    ],
)
async def test_what_went_wrong_last_says_how_often_it_is_asked(
    failures: tuple[type[BaseException], ...], questions: int
) -> None:
    assert await asked(*failures) == questions


async def test_who_is_cancelled_asks_no_more() -> None:
    assert await asked(asyncio.CancelledError) == -1
