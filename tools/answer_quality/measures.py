"""What one answer is worth, and what many are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from core.text.citation_marker import without_markers
from core.types import Citation
from evals.cases.gold_span import GoldSpan
from evals.gate.statistics import bootstrap_interval

# What a person reads before looking elsewhere, and what fits a phone's screen or two.
SHORT, LONG = 60, 120
_LEVEL = 0.95
_WORD = re.compile(r"\w+")
# Words that every English answer holds.
_COMMON = frozenset({"a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "is", "it"})
_COMMON |= {"its", "of", "on", "or", "that", "the", "this", "to", "was", "were", "with"}


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """What became of one question. Shares are of the gold answer, in the first 60 and 120 words; None where there is
    no such gold. `removed` is the confidence once the passages that hold the evidence are taken out."""

    id: str
    half: str
    answerable: bool
    declined: bool
    confidence: float
    found: bool
    seconds: float
    characters_60: float | None = None
    characters_120: float | None = None
    words_60: float | None = None
    words_120: float | None = None
    recall_5: float | None = None
    ndcg_10: float | None = None
    removed: float | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean with its 95 % interval, and of how many."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def figure(values: Iterable[float | None]) -> Figure | None:
    """None where there is nothing to take the mean of."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Figure(float(np.mean(known)), *bootstrap_interval(known, _LEVEL), len(known))


def character_share(citations: Sequence[Citation], gold: Sequence[GoldSpan], words: int) -> float | None:
    """The share of the gold spans' characters that the citations' first so many words show, citations in order."""
    pieces = [piece for piece in gold if not piece.whole_document]
    total = sum(piece.end - piece.start for piece in pieces)
    if not total:
        return None
    shown = list(_first_words(citations, words))
    return sum(_covered(piece, shown) for piece in pieces) / total


def _first_words(citations: Sequence[Citation], words: int) -> Iterable[tuple[str, int, int]]:
    for citation in citations:
        found = list(_WORD.finditer(citation.quote))
        if len(found) <= words:
            yield citation.chunk.uri, citation.start, citation.end
        elif words:
            yield citation.chunk.uri, citation.start, citation.start + found[words - 1].end()
        words = max(0, words - len(found))


def _covered(piece: GoldSpan, shown: Sequence[tuple[str, int, int]]) -> int:
    places: set[int] = set()
    for uri, start, end in shown:
        if uri == piece.uri:
            places.update(range(max(start, piece.start), min(end, piece.end)))
    return len(places)


def word_share(text: str, gold: str, words: int) -> float | None:
    """The share of the gold answer's distinct words, common ones left out, among the text's first so many words."""
    wanted = set(_words(gold)) - _COMMON
    if not wanted:
        return None
    return len(wanted & set(_words(without_markers(text))[:words])) / len(wanted)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def declined_at(asked: Sequence[AskedQuestion], false_refusals: float, *, removed: bool) -> Figure | None:
    """The share of the unanswerable questions declined by the threshold that declines this share of the answerable
    ones whose evidence was found. With `removed`, the unanswerable ones are those with their evidence taken out."""
    answerable = [one.confidence for one in asked if one.answerable and one.found]
    others = [one.removed if removed else one.confidence for one in asked if removed or not one.answerable]
    if not answerable:
        return None
    threshold = float(np.quantile(answerable, false_refusals, method="inverted_cdf"))
    return figure(float(value < threshold) for value in others if value is not None)
