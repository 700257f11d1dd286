"""What happens to a ranking before it is handed out: near-duplicates become one, no document fills it, and the best
passage may bring its neighbours along. Pure.

Each step is a parameter of the release and off where it says nothing: core.release.RetrievalParameters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.text.languages import FALLBACK
from core.text.negation import NEGATION
from core.types import Chunk, LeftOut, StoredChunk
from retrieval.fusion import FusedHit

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
# Words that a run has which two texts are compared by.
_RUN = 4
# Texts are the same if they share this much of their runs: another date or name in a form letter leaves less.
NEAR_DUPLICATE = 0.85


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk at its place in the ranking. `collapsed` are the URIs of documents that say the same there."""

    hit: FusedHit
    stored: StoredChunk
    collapsed: tuple[str, ...] = ()

    @property
    def chunk(self) -> Chunk:
        return self.stored.chunk


def ranked(hits: Sequence[FusedHit], stored: Sequence[StoredChunk]) -> list[Ranked]:
    """The hits whose chunks are there, best first."""
    found = {each.chunk.id: each for each in stored}
    return [Ranked(hit, found[hit.chunk_id]) for hit in hits if hit.chunk_id in found]


def collapsed(ranking: Sequence[Ranked]) -> tuple[list[Ranked], list[LeftOut]]:
    """The ranking with near-duplicates left out, each named at the one that stands for it. What has other numbers, or
    negates more or less, is none: it may contradict the other."""
    kept: list[Ranked] = []
    runs: list[frozenset[tuple[str, ...]]] = []
    left_out = []
    for each in ranking:
        own = _runs(each.chunk.text)
        alike = (place for place, other in enumerate(runs) if _overlap(own, other) >= NEAR_DUPLICATE)
        twin = next((place for place in alike if _values(kept[place].chunk) == _values(each.chunk)), None)
        if twin is None:
            kept.append(each)
            runs.append(own)
            continue
        kept[twin] = replace(kept[twin], collapsed=(*kept[twin].collapsed, each.chunk.uri))
        left_out.append(LeftOut(each.chunk.id, each.chunk.uri, f"says the same as {kept[twin].chunk.uri}"))
    return kept, left_out


def _values(chunk: Chunk) -> tuple[list[str], int]:
    """The numbers of the chunk in order, and how often it negates."""
    negation = NEGATION.get(chunk.language or FALLBACK)
    return _NUMBER.findall(chunk.text), len(negation.findall(chunk.text)) if negation else 0


def capped(ranking: Sequence[Ranked], most: int) -> tuple[list[Ranked], list[LeftOut]]:
    """The ranking with at most so many chunks of one document."""
    seen: Counter[str] = Counter()
    kept, left_out = [], []
    for each in ranking:
        seen[each.chunk.document_id] += 1
        if seen[each.chunk.document_id] <= most:
            kept.append(each)
        else:
            left_out.append(LeftOut(each.chunk.id, each.chunk.uri, f"{most} others of its document stand higher"))
    return kept, left_out


def neighbours_of(best: Chunk, most: int) -> list[int]:
    """The ordinals of the chunks around the best one, the nearest first, the following before the preceding."""
    around = (best.ordinal + sign * step for step in range(1, most + 1) for sign in (1, -1))
    return [ordinal for ordinal in around if ordinal >= 0]


def with_neighbours(ranking: Sequence[Ranked], around: Sequence[StoredChunk], most: int, limit: int) -> list[Ranked]:
    """The ranking, cut at `limit`, with up to `most` chunks of the best one's section behind it, in place of the last
    ones: the passages become no more."""
    best = ranking[0]
    section = [each for each in around if each.chunk.heading_path == best.chunk.heading_path]
    brought = {each.chunk.id: each for each in section[: min(most, limit - 1)]}
    places = {each.chunk.id: each for each in ranking}
    beside = [
        places.get(key) or Ranked(FusedHit(key, best.hit.score, None, None), each) for key, each in brought.items()
    ]
    rest = [each for each in ranking[1:] if each.chunk.id not in brought]
    return [best, *beside, *rest][:limit]


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[at : at + _RUN]) for at in range(max(1, len(words) - _RUN + 1)))


def _overlap(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    return len(one & other) / max(1, len(one | other))
