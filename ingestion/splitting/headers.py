"""The title and headings that stand over a chunk when it is embedded, held to a share of the chunk's tokens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingestion.splitting.tokens import TokenCounter

_CUT_OFF = "…"

# As Chunk.indexed_text joins title and headings.
_SEPARATOR = " > "


@dataclass(frozen=True, slots=True)
class Header:
    """A chunk's title and heading path, and the tokens they take in `Chunk.indexed_text`."""

    title: str
    path: tuple[str, ...]
    tokens: int


class Headers:
    """The headers of one document's chunks, each with at most `budget` tokens.

    All its headings are tokenized in one go: one by one they would take as long as the document's text.
    """

    def __init__(self, title: str, paths: Iterable[tuple[str, ...]], counter: TokenCounter, budget: int) -> None:
        self._title = title
        self._counter = counter
        self._budget = budget
        names = dict.fromkeys((title, *(heading for path in paths for heading in path)))
        self._tokens = _counts(list(names), counter)
        self._separator = counter.count_tokens([_SEPARATOR])[0]
        self._known: dict[tuple[str, ...], Header] = {}

    def of(self, path: tuple[str, ...]) -> Header:
        """The header over chunks under `path`, which is the beginning of one of the paths given."""
        if path not in self._known:
            names = dict.fromkeys((self._title, *path))
            tokens = sum(self._tokens[name] for name in names) + self._separator * (len(names) - 1)
            fits = tokens <= self._budget
            header = (
                Header(self._title, path, tokens) if fits else _fitted(self._title, path, self._counter, self._budget)
            )
            self._known[path] = header
        return self._known[path]


def _counts(names: Sequence[str], counter: TokenCounter) -> dict[str, int]:
    starts = [start for start, _ in counter.token_offsets("\n".join(names))]
    counts, begin = {}, 0
    for name in names:
        counts[name] = bisect_left(starts, begin + len(name)) - bisect_left(starts, begin)
        begin += len(name) + 1
    return counts


def _fitted(title: str, path: tuple[str, ...], counter: TokenCounter, budget: int) -> Header:
    """A header that is too long, made to fit: the outer headings go first, then the rest is shortened, for the nearest
    heading says most about a passage."""
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
    return counter.count_tokens([_SEPARATOR.join(dict.fromkeys((title, *path)))])[0]


def _shortened(text: str, counter: TokenCounter, budget: int) -> str:
    offsets = counter.token_offsets(text)
    if len(offsets) <= budget:
        return text
    return text[: offsets[max(budget - 1, 0)][0]].rstrip() + _CUT_OFF
