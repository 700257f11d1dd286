"""What people ask and the documents do not answer, put together by subject. Pure.

for gap in cluster(unanswered, vectors): print(gap.size, gap.question)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from core.types import Vector

# Questions are about the same while their average cosine is at least this. Measured with the bundled embedder on the
# questions of 56 conversations (docs/how-to/knowledge-gaps.md): lower joins subjects, higher parts wordings.
NEAR = 0.45


class Origin(StrEnum):
    """How it is known that the documents do not answer a question."""

    DECLINED = "declined"
    """The system said that it had found no answer."""
    COMPLAINT = "complaint"
    """A person said what would have been right, and it stands in no document."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question without an answer. `asker` is who asked: an API key's id or a vote's author, None where unknown."""

    subject: str
    question: str
    origin: Origin
    asker: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions about the same thing; `question` is the one most like all others. `askers` counts those who can be
    told apart, and those who cannot as one."""

    question: str
    questions: tuple[Unanswered, ...]
    askers: int
    complaints: int
    last: datetime

    @property
    def size(self) -> int:
        return len(self.questions)


def cluster(unanswered: Sequence[Unanswered], vectors: Vector, near: float = NEAR) -> list[Gap]:
    """The gaps, those of the most askers first, then of the most questions, then the newest. Every question is in one.

    `vectors` has the questions' unit vectors, shape (questions, dimensions). Their order does not matter.
    """
    order = sorted(range(len(unanswered)), key=lambda place: (unanswered[place].question, unanswered[place].subject))
    members: defaultdict[int, list[int]] = defaultdict(list)
    for place, label in zip(order, labels(vectors[order], near), strict=True):
        members[label].append(place)
    gaps = [_gap([unanswered[place] for place in places], vectors[places]) for places in members.values()]
    return sorted(gaps, key=lambda gap: (-gap.askers, -gap.size, -gap.last.timestamp(), gap.question))


def labels(vectors: Vector, near: float) -> list[int]:
    """Which cluster each question is in: average linkage, which lets one question in between not chain two subjects."""
    if len(vectors) < 2:
        return [0] * len(vectors)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1 - vectors.astype(np.float64) @ vectors.T.astype(np.float64), 0, 2)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="average")
    return [int(label) for label in fcluster(tree, t=1 - near, criterion="distance")]


def _gap(questions: Sequence[Unanswered], vectors: Vector) -> Gap:
    nearness = (vectors @ vectors.T).sum(axis=1)
    newest_first = sorted(questions, key=lambda each: (each.at, each.subject), reverse=True)
    return Gap(
        question=questions[int(np.argmax(nearness.round(6)))].question,
        questions=tuple(newest_first),
        askers=len({each.asker for each in questions}),
        complaints=sum(each.origin is Origin.COMPLAINT for each in questions),
        last=newest_first[0].at,
    )
