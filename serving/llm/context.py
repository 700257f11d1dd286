"""How much of the passages and of the conversation goes into the prompt, so that nothing overflows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.errors import ContextTooLongError
from core.text.sentences import sentence_spans
from core.types import Passage, Turn

# Passages that are not given up for the last exchange: a follow-up needs both what was said and what answers it.
_PASSAGES_BEFORE_LAST_EXCHANGE = 3
# A conversation with more characters than this for each token of the window does not fit: it is not even counted.
_CHARACTERS_A_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Context:
    """What the prompt holds beside the question: the best passages, and the latest turns."""

    passages: tuple[Passage, ...]
    history: tuple[Turn, ...]


async def fitting(
    passages: Sequence[Passage],
    history: Sequence[Turn],
    count: Callable[[Context], Awaitable[int]],
    room: int,
    language: str = "english",
) -> Context:
    """The richest context whose prompt, which `count` counts, takes at most `room` tokens. `history` is user and
    assistant in turn.

    First the oldest exchanges go, then the lowest ranked passages, then the last exchange, then the end of the best
    passage, sentence by sentence. Raises ContextTooLongError when not even one sentence fits.
    """
    choices = list(contexts(passages, _recent(history, room), language))
    found: Context | None = None
    low, high = 0, len(choices)  # choices[high:] fit, choices[:low] do not; most questions fit as they are
    while low < high:
        middle = 0 if low == 0 and high == len(choices) else (low + high) // 2
        if await count(choices[middle]) <= room:
            high, found = middle, choices[middle]
        else:
            low = middle + 1
    if found is None:
        raise ContextTooLongError(
            "The question leaves no room for a passage in the model's context.",
            hint="Ask a shorter question, or serve a model with a larger context (RAGLOOP_MODEL_CONTEXT_TOKENS).",
        )
    return found


def contexts(passages: Sequence[Passage], history: Sequence[Turn], language: str) -> Iterator[Context]:
    """Every context that may be tried, each holding less than the one before it."""
    best, turns = tuple(passages), tuple(history)
    while len(turns) > 2:
        yield Context(best, turns)
        turns = turns[2:]
    while turns and len(best) > _PASSAGES_BEFORE_LAST_EXCHANGE:
        yield Context(best, turns)
        best = best[:-1]
    if turns:
        yield Context(best, turns)
    while len(best) > 1:
        yield Context(best, ())
        best = best[:-1]
    for passage in best:
        yield from (Context((shorter,), ()) for shorter in _ever_shorter(passage, language))


def _ever_shorter(passage: Passage, language: str) -> Iterator[Passage]:
    """The passage, then the passage without its last sentence, down to its first."""
    yield passage
    chunk = passage.chunk
    for _, end in reversed(sentence_spans(chunk.text, language)[:-1]):
        yield replace(passage, chunk=replace(chunk, end=chunk.start + end, text=chunk.text[:end]))


def _recent(history: Sequence[Turn], room: int) -> Sequence[Turn]:
    """The latest exchanges that are not hopelessly long."""
    length, kept = 0, len(history)
    while kept >= 2:
        length += len(history[kept - 1].content) + len(history[kept - 2].content)
        if length > room * _CHARACTERS_A_TOKEN:
            break
        kept -= 2
    return history[kept:]
