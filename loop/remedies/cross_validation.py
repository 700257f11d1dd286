"""Questions parted so that what is chosen or learned by some of them is measured on others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

PARTS = 5
Chosen = TypeVar("Chosen")


def crossed(queries: Sequence[str], choose: Callable[[Sequence[int]], Chosen], otherwise: Chosen) -> list[Chosen]:
    """For each question what `choose` makes of the numbers of those in the other four parts, `otherwise` where there is
    none. A question that was asked twice is in one part: it does not prove itself."""
    order = {query: number for number, query in enumerate(dict.fromkeys(queries))}
    parts = [order[query] % PARTS for query in queries]
    chosen = {}
    for part in dict.fromkeys(parts):
        others = [number for number, each in enumerate(parts) if each != part]
        chosen[part] = choose(others) if others else otherwise
    return [chosen[part] for part in parts]
