"""What was looked at when an answer was bad, as values, and the thresholds by which it is judged. Pure.

loop/diagnosis/observer.py gathers an Observation, loop/diagnosis/rules.py tells the cause from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.loop.diagnosis import Sought, SourceState
from core.loop.enums import FeedbackReason

# ---------------------------------------------------------------- thresholds
# Chosen on seed 1 of tests/benchmarks/planted_causes.py; the figures in the handbook are from seed 2.

# A text holds what is looked for from this score on (loop/diagnosis/match.py).
HOLDS = 0.58
# A place that holds it less well than another is a likeness, or a part that was cut off: where a chunk or an answer has
# the sentence whole, its score and that of the whole document are within .01 of each other.
MARGIN = 0.08
# A stored text that holds it so well is where it comes from; below that, the sources' files may hold it better.
SURELY = 0.85
# An answer says it from this score on.
SAYS = 0.66
# Passages of the release's ranking that are looked at.
DEPTH = 100
# A question asks something if at least this share of its words are words: some document or the embedder knows them.
KNOWN_WORDS = 0.34
# How sure a diagnosis can be where nobody said what the right answer is.
MOST_WITHOUT_CORRECTION = 0.6


class Indexed(StrEnum):
    """What the release's index holds of a stored document."""

    CURRENT = "current"
    OLDER = "older"
    """Another version than the one that is stored."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """How far the source's files, read afresh, hold what is looked for: the best of them."""

    score: float
    state: SourceState


@dataclass(frozen=True, slots=True)
class Observation:
    """What was looked at, as values. Scores say how far a text holds what is looked for, in [0, 1].

    `said` is the given answer's; `context` has one for each passage that was retrieved for it, best first, of which the
    generator was handed the first `handed` (none where the system declined before it); `ranking` has one for each of
    the first DEPTH passages that the release retrieves now, for the same person; `newer_index` says that the index has
    changed since the answer was given. `chunks` is the best chunk that the
    person may see, `documents` the best text of a document that they may see, of which the index holds `indexed`, and
    `hidden` the best that they may not. `opposed` says that a document says nearly the same, but otherwise; `related`
    that the correction has to do with the question. `alone` is the generator's answer when it is handed only the right
    passage; None where that was not asked.
    """

    sought: Sought
    asks: bool = True
    answerable: bool = True
    abstained: bool = False
    reason: FeedbackReason | None = None
    said: float = 0.0
    well_cited: bool = True
    context: tuple[float, ...] = ()
    handed: int = 0
    ranking: tuple[float, ...] = ()
    newer_index: bool = False
    chunks: float = 0.0
    documents: float = 0.0
    hidden: float = 0.0
    indexed: Indexed = Indexed.CURRENT
    opposed: bool = False
    related: bool = True
    source: SourceMatch | None = None
    unread_sources: tuple[str, ...] = ()
    alone: float | None = None

    @property
    def best(self) -> float:
        """The best score of any place, in what is stored or in a source."""
        return max(self.stored, self.source.score if self.source else 0.0)

    @property
    def stored(self) -> float:
        """The best score among all that the system holds."""
        return max((self.chunks, self.documents, self.hidden, *self.context, *self.ranking))

    @property
    def bar(self) -> float:
        """From which score on a place holds what is looked for, given the best there is."""
        return max(HOLDS, self.best - MARGIN)

    def says(self, score: float) -> bool:
        """Whether an answer with this score says what is looked for, given the best place there is."""
        return score >= max(SAYS, self.best - MARGIN)

    def first(self, scores: Sequence[float]) -> int | None:
        """The rank, from 1, of the first that holds it."""
        return next((rank for rank, score in enumerate(scores, start=1) if score >= self.bar), None)

    @property
    def rank(self) -> int | None:
        """Where the right passage stands in what the release retrieves."""
        return self.first(self.ranking)

    @property
    def handed_right(self) -> int | None:
        """The rank of the first right passage among those that the generator was handed."""
        return self.first(self.context[: self.handed])
