"""Asking a model again: a few attempts, and only for what may pass. An answer is asked for until its first text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.llm.failures import empty, passes
from serving.llm.reader import Reading

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk
    from tenacity import AsyncRetrying

# Two more attempts, after a tenth of a second or two, and after twice that: whoever asked is waiting.
ATTEMPTS = 3
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class BegunAnswer:
    """An answer that has begun: close its `reading` when done. `first` is the text so far."""

    reading: Reading
    first: str
    attempts: int


def attempts(
    allowed: Callable[[BaseException], int], *, first_pause: float, longest_pause: float, jitter: float
) -> AsyncRetrying:
    """As many attempts as are `allowed` for what went wrong; in the end that is raised. The pauses, in seconds, double
    from the first to the longest, and each takes up to `jitter` more."""
    from tenacity import AsyncRetrying, RetryCallState, wait_exponential_jitter

    def used_up(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        return error is not None and state.attempt_number >= allowed(error)

    wait = wait_exponential_jitter(multiplier=first_pause, max=longest_pause, jitter=jitter)
    return AsyncRetrying(stop=used_up, wait=wait, reraise=True)


async def ask(stream: Callable[[], AsyncIterator[AIMessageChunk]]) -> BegunAnswer:
    """Ask by `stream`, which begins the answer. Raises what the model's client raises when the attempts are used up
    or asking again is of no use, and EmptyAnswerError when the answer ends without a word."""
    retrying = attempts(
        lambda error: ATTEMPTS if passes(error) else 1,
        first_pause=_FIRST_PAUSE_SECONDS,
        longest_pause=_LONGEST_PAUSE_SECONDS,
        jitter=_FIRST_PAUSE_SECONDS,
    )
    async for attempt in retrying:
        with attempt:
            reading, first = await _begin(stream())
            return BegunAnswer(reading, first, attempt.retry_state.attempt_number)
    raise AssertionError("unreachable")  # pragma: no cover - the last attempt returns or raises


async def _begin(chunks: AsyncIterator[AIMessageChunk]) -> tuple[Reading, str]:
    reading = Reading(chunks)
    try:
        first = await reading.next()
        if not first:
            raise empty()
    except BaseException:
        await reading.close()
        raise
    return reading, first
