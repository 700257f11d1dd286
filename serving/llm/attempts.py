"""Asking the model until its first text: a few attempts, and only for what may pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.llm.failures import empty, passes
from serving.llm.reader import Reading

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk

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


async def ask(stream: Callable[[], AsyncIterator[AIMessageChunk]]) -> BegunAnswer:
    """Ask by `stream`, which begins the answer. Raises what the model's client raises when the attempts are used up
    or asking again is of no use, and EmptyAnswerError when the answer ends without a word."""
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

    wait = wait_exponential_jitter(
        multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS, jitter=_FIRST_PAUSE_SECONDS
    )
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS), wait=wait, retry=retry_if_exception(passes), reraise=True
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
