"""Which texts hold what is looked for: shared words and nearness in meaning together, place by place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from core.ports import Embedder
from core.types import Vector
from evals.metrics.meanings import Meanings, cosine
from loop.diagnosis.wording import Held, Statement, Wording

# Words and meaning count alike. Of 100 lightly reworded sentences 95 have at least .68 so in their own document, and
# the best of 249 other documents has less than .57 for 90; by the words alone it is .60 and .60.
MEANING_SHARE = 0.5
# Places that share fewer of the words are not worth embedding: hardly any of them would hold.
LEAST_COVERAGE = 0.3
# What a place that says otherwise holds at most, however alike its words.
MOST_OPPOSING = 0.4
# Statements of one correction that are looked for: what fits a page. Each costs a look through every text.
MOST_STATEMENTS = 20


@dataclass(frozen=True, slots=True)
class Looked:
    """A text that is looked at. `heading` is what it stands under: its title and headings."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A span of a text that holds a statement, and how far."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """How far a text holds all that is looked for, in [0, 1]: where, statement by statement, and how well. `opposing`
    is a span that says nearly the same but denies it or has another number."""

    score: float
    places: tuple[ScoredSpan, ...]
    opposing: tuple[int, int] | None = None


class Matcher:
    """Looks for statements in texts. Not to be used from a running event loop."""

    def __init__(self, wording: Wording, embedder: Embedder) -> None:
        self._wording = wording
        self._meanings = Meanings(embedder)

    def statements(self, text: str) -> tuple[Statement, ...]:
        """What the text says, as far as it is looked for."""
        return self._wording.statements(text)[:MOST_STATEMENTS]

    def nearness(self, one: str, other: str) -> float:
        """Cosine of what two texts mean."""
        vectors = self._vectors([one], {other})
        return cosine(vectors[one], vectors[other])

    def match(self, statements: Sequence[Statement], texts: Sequence[Looked]) -> list[Match]:
        """How far each of the texts holds the statements, in the order of the texts."""
        found = [[self._held(statement, looked) for statement in statements] for looked in texts]
        wanted = {
            looked.text[held.start : held.end]
            for looked, places in zip(texts, found, strict=True)
            for held in places
            if held.coverage >= LEAST_COVERAGE
        }
        vectors = self._vectors([statement.text for statement in statements], wanted)
        return [_match(statements, looked, places, vectors) for looked, places in zip(texts, found, strict=True)]

    def each(self, statements: Sequence[Statement], text: Looked) -> list[float]:
        """How far the text holds each of the statements."""
        return [self.match([statement], [text])[0].score for statement in statements]

    def _held(self, statement: Statement, looked: Looked) -> Held:
        return self._wording.held(statement, self._wording.read(looked.text, looked.heading))

    def _vectors(self, statements: Sequence[str], places: set[str]) -> dict[str, Vector]:
        return asyncio.run(self._meanings.of(sorted({*statements, *places}))) if places else {}


def _match(statements: Sequence[Statement], looked: Looked, found: Sequence[Held], vectors: dict[str, Vector]) -> Match:
    places, total = [], 0.0
    for statement, held in zip(statements, found, strict=True):
        score = _score(statement, held, looked.text[held.start : held.end], vectors)
        places.append(ScoredSpan(held.start, held.end, round(score, 4)))
        total += statement.weight * score
    whole = sum(statement.weight for statement in statements)
    opposing = next((held.opposing for held in found if held.opposing), None)
    return Match(round(total / whole, 4) if whole else 0.0, tuple(places), opposing)


def _score(statement: Statement, held: Held, place: str, vectors: dict[str, Vector]) -> float:
    if held.coverage < LEAST_COVERAGE:
        return 0.0
    nearness = cosine(vectors[statement.text], vectors[place])
    score = (1 - MEANING_SHARE) * held.coverage + MEANING_SHARE * nearness - held.penalty
    opposes = held.opposing == (held.start, held.end)
    return max(0.0, min(score, MOST_OPPOSING) if opposes else score)
