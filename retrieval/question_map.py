"""What votes teach about questions: those like one whose answer is known are moved towards the passage that holds it.
Pure; the vectors of passages stay as they are.

    taught = learned(questions, passages, ridge=1.0)
    taught.apply(question)          # where the dense leg searches now

Kernel ridge regression of the way from a question to its passage, in closed form. Two questions are alike as far as
the cosine of their directions from the centre of all is above FLOOR: a question that is like none of those that were
voted on stays exactly where it is. docs/decisions/011-what-votes-teach-the-search.md has what other forms came to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.types import Vector

# Cosine from which two questions have to do with each other, measured from the centre of the questions.
FLOOR = 0.3
# More questions, the newest first, are slower to fit and to store: 400 of 384 dimensions are 1.2 MB.
MOST_KNOWN = 400
_NOTHING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class QuestionMap:
    """`centre` has shape (dimensions,). `known` are the directions of n questions from it and `moves` what each
    contributes: both (n, dimensions), float32."""

    centre: Vector
    known: Vector
    moves: Vector

    def apply(self, vector: Vector) -> Vector:
        """The unit vector to search with instead; the vector itself where no known question is like it."""
        alike = _alike(_directions(vector[np.newaxis, :], self.centre), self.known)[0]
        if not alike.any():
            return vector
        moved = vector + alike @ self.moves
        length = np.linalg.norm(moved)
        return (moved / length).astype(np.float32) if length > _NOTHING else vector


def learned(questions: Vector, passages: Vector, ridge: float) -> QuestionMap:
    """The map by questions and the passages that hold their answers, each (n, dimensions), unit vectors, n > 0.

    With a larger `ridge` questions are moved less, and by more votes together: a wrong one counts less.
    """
    questions, passages = questions[:MOST_KNOWN], passages[:MOST_KNOWN]
    centre = questions.mean(axis=0)
    known = _directions(questions, centre)
    system = _alike(known, known) + ridge * np.eye(len(known), dtype=np.float32)
    moves = np.linalg.solve(system.astype(np.float64), (passages - questions).astype(np.float64))
    return QuestionMap(centre.astype(np.float32), known, moves.astype(np.float32))


def _directions(vectors: Vector, centre: Vector) -> Vector:
    """Unit vectors from the centre; zero for what is the centre."""
    away = vectors - centre
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    found: Vector = np.where(lengths > _NOTHING, away / np.maximum(lengths, _NOTHING), 0.0).astype(np.float32)
    return found


def _alike(directions: Vector, known: Vector) -> Vector:
    """How alike each is to each known one, from 0 to 1."""
    alike: Vector = np.maximum(directions @ known.T - FLOOR, 0.0) / (1 - FLOOR)
    return alike
