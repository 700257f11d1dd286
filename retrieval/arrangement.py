"""What happens to a ranking before it is handed out: newer documents gain, near-duplicates become one, no document
fills it, and the best passage may bring its neighbours along. Pure.

Copies of a document always become one. Every other step is a parameter of the release and off where it says nothing:
core.release.RetrievalParameters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.text.languages import FALLBACK
from core.text.negation import NEGATION
from core.text.wording import plain_words
from core.types import Chunk, LeftOut, StoredChunk
from retrieval.fusion import FusedHit

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
# Words that a run has which two texts are compared by.
_RUN = 4
# Texts are the same if they share this much of their runs: another date or name in a form letter leaves less.
NEAR_DUPLICATE = 0.85
# A document that is so much older than the newest one found has lost half of what age can take: rules and prices tend
# to be reviewed every year.
HALF_LIFE_DAYS = 365
# What has no date counts as one half-life old, neither fresh nor stale: as the newest it would gain by its silence, as
# the oldest a folder without dates would be buried.
_UNDATED = 0.5


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk at its place in the ranking. `collapsed` are the URIs of documents that say the same there; `freshness`
    is the factor that its document's age gives its score, None where age does not count."""

    hit: FusedHit
    stored: StoredChunk
    collapsed: tuple[str, ...] = ()
    freshness: float | None = None

    @property
    def chunk(self) -> Chunk:
        return self.stored.chunk

    @property
    def score(self) -> float:
        return self.hit.score if self.freshness is None else self.hit.score * self.freshness


def ranked(hits: Sequence[FusedHit], stored: Sequence[StoredChunk]) -> list[Ranked]:
    """The hits whose chunks are there, best first."""
    found = {each.chunk.id: each for each in stored}
    return [Ranked(hit, found[hit.chunk_id]) for hit in hits if hit.chunk_id in found]


def freshened(ranking: Sequence[Ranked], share: float, exact: Collection[str]) -> list[Ranked]:
    """The ranking with scores times 1 - share * (1 - 0.5 ** (age / half-life)), best first; chunks in `exact` stay
    before the others. A document's age counts from the newest one found, so that the same index ranks alike every day.
    Where nothing found has a date, nothing changes."""
    days = [each.stored.facts.date for each in ranking if each.stored.facts.date]
    if not days:
        return list(ranking)
    weighed = [replace(each, freshness=1 - share * (1 - _kept(each.stored.facts.date, max(days)))) for each in ranking]
    return sorted(weighed, key=lambda each: (each.chunk.id not in exact, -each.score, each.chunk.id))


def _kept(day: date | None, newest: date) -> float:
    """What age leaves of what it can take: 1 of the newest, half after a half-life, and so on."""
    return _UNDATED if day is None else 0.5 ** ((newest - day).days / HALF_LIFE_DAYS)


def has_copies(stored: Sequence[StoredChunk]) -> bool:
    """Whether some of the chunks are of copies of one document."""
    return len({_content(each) for each in stored}) < len(stored)


def without_copies(ranking: Sequence[Ranked]) -> tuple[list[Ranked], list[LeftOut]]:
    """The ranking with each chunk once of documents that are the same byte for byte, or word for word in another
    format, the others named at the first."""
    kept: dict[tuple[str, int, str], Ranked] = {}
    left_out = []
    for each in ranking:
        first = kept.setdefault(_content(each.stored), each)
        if first is not each:
            kept[_content(each.stored)] = replace(first, collapsed=(*first.collapsed, each.chunk.uri))
            left_out.append(LeftOut(each.chunk.id, each.chunk.uri, f"is of a copy of {first.chunk.uri}"))
    return list(kept.values()), left_out


def _content(stored: StoredChunk) -> tuple[str, int, str]:
    """The same for the same place in copies of one document."""
    return stored.wording or stored.content_sha256, stored.chunk.ordinal, plain_words(stored.chunk.text)


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
        kept[twin] = replace(kept[twin], collapsed=(*kept[twin].collapsed, each.chunk.uri, *each.collapsed))
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
        places.get(key) or Ranked(FusedHit(key, best.hit.score, None, None), each, freshness=best.freshness)
        for key, each in brought.items()
    ]
    rest = [each for each in ranking[1:] if each.chunk.id not in brought]
    return [best, *beside, *rest][:limit]


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[at : at + _RUN]) for at in range(max(1, len(words) - _RUN + 1)))


def _overlap(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    return len(one & other) / max(1, len(one | other))
