"""A question as both legs of a search found its right chunk."""

from __future__ import annotations

from itertools import count

from core.types import Hit, SearchLegs
from loop.remedies.fit import Searched

_NUMBERS = count()


def searched(dense_rank: int, sparse_rank: int, among: int = 40, language: str = "") -> Searched:
    """A question, asked once, whose right chunk each leg ranks so, from 1, among others that the other leg does not find."""
    dense = [Hit(f"d{number}", 1 - number / among) for number in range(1, among + 1)]
    sparse = [Hit(f"s{number}", 20 * (1 - number / among)) for number in range(1, among + 1)]
    dense[dense_rank - 1] = Hit("right", dense[dense_rank - 1].score)
    sparse[sparse_rank - 1] = Hit("right", sparse[sparse_rank - 1].score)
    return Searched(
        f"question {next(_NUMBERS)}", SearchLegs(tuple(dense), tuple(sparse), 1), {"right": frozenset({0})}, 1, language
    )


def several(how_many: int, dense_rank: int, sparse_rank: int, language: str = "") -> list[Searched]:
    """So many of these questions."""
    return [searched(dense_rank, sparse_rank, language=language) for _ in range(how_many)]
