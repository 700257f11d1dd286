"""Which segments a commit writes anew together with what it adds, so that there are few and little is written.

Their sizes form a ladder: each has more than four times the chunks of the next smaller one, but for the small ones,
which are always joined. 100,000 chunks lie in six segments at most, a million in eight. A chunk that was added is
written once more for each rung, each time with at least a fifth of all that is written then. A segment of which a
fifth is dead is written anew without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.indexes.document_table import Size

SMALL = 256
"""Chunks that cost next to nothing to write: 2 MB."""
_STEP = 4
_MOST_DEAD = 0.2


def joined(sizes: Sequence[Size], added: int) -> set[int]:
    """The places of the segments to write anew with `added` chunks. One with nothing live is always among them."""
    chosen: set[int] = set()
    growing = added
    for place in sorted(range(len(sizes)), key=lambda place: sizes[place].live):
        size = sizes[place]
        fits = growing and (size.live + growing <= SMALL or size.live <= _STEP * growing)
        if fits or not size.live or size.dead > _MOST_DEAD * (size.live + size.dead):
            chosen.add(place)
            growing += size.live
    return chosen
