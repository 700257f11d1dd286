"""The title and headings that stand over a chunk when it is embedded, held to a share of the chunk's tokens."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.splitting.tokens import TokenCounter

_CUT_OFF = "…"


@dataclass(frozen=True, slots=True)
class Header:
    """A chunk's title and heading path, and the tokens they take in `Chunk.indexed_text`."""

    title: str
    path: tuple[str, ...]
    tokens: int


def fitted_header(title: str, path: tuple[str, ...], counter: TokenCounter, budget: int) -> Header:
    """Title and path as they are if they have at most `budget` tokens together.

    Otherwise the outer headings go first, then the rest is shortened: the nearest heading says most about a passage.
    """
    tokens = _tokens(title, path, counter)
    if tokens <= budget:
        return Header(title, path, tokens)
    title = _shortened(title, counter, budget // 2)
    while len(path) > 1 and _tokens(title, path, counter) > budget:
        path = path[1:]
    if path and _tokens(title, path, counter) > budget:
        path = (_shortened(path[-1], counter, budget // 2 - 1),)
    # Shortening can leave a token too many where a cut made a new word: then the title alone, then nothing.
    for candidate in ((title, path), (title, ()), ("", ())):
        if (tokens := _tokens(*candidate, counter)) <= budget:
            return Header(*candidate, tokens)
    raise AssertionError("an empty header has no tokens")


def _tokens(title: str, path: tuple[str, ...], counter: TokenCounter) -> int:
    return counter.count_tokens([" > ".join(dict.fromkeys((title, *path)))])[0]


def _shortened(text: str, counter: TokenCounter, budget: int) -> str:
    offsets = counter.token_offsets(text)
    if len(offsets) <= budget:
        return text
    return text[: offsets[max(budget - 1, 0)][0]].rstrip() + _CUT_OFF
