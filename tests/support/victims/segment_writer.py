"""A process that changes an index a little at a time until it is killed: `python -m … ROOT`.

It prints each revision it published. What a revision holds follows from its number alone, so that whoever looks at the
index afterwards knows what must be there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from core.types import EmbeddedDocument, document_id
from retrieval.indexes.edge import EdgeIndex
from tests.support.indexed_documents import embedded, spec_for

_DOCUMENTS = 60


def change(revision: int) -> tuple[list[EmbeddedDocument], list[str]]:
    """What the commit that makes this revision upserts and deletes: everything at first, then two documents each time.
    Small segments are joined at every commit, larger ones now and then."""
    upserted, deleted = _numbers(revision)
    upserts = [embedded(f"s/{number}", _texts(number, revision)) for number in upserted]
    return upserts, [document_id(f"s/{number}") for number in deleted]


def texts_at(revision: int) -> set[str]:
    """The texts of all chunks at this revision."""
    made: dict[int, int] = {}
    for each in range(1, revision + 1):
        upserted, deleted = _numbers(each)
        made |= dict.fromkeys(upserted, each)
        for number in deleted:
            made.pop(number, None)
    return {text for number, each in made.items() for text in _texts(number, each)}


def _numbers(revision: int) -> tuple[set[int], set[int]]:
    upserted = range(_DOCUMENTS) if revision == 1 else (revision % _DOCUMENTS, revision * 7 % _DOCUMENTS)
    return set(upserted), {revision * 11 % _DOCUMENTS} if revision % 3 == 0 else set()


def _texts(number: int, revision: int) -> list[str]:
    return [f"revision {revision} of {number} part {part}" for part in range(18 + revision % 5)]


def main(root: Path) -> None:
    index, name = EdgeIndex(root), spec_for().name
    while True:
        print(index.commit(name, *change(index.revision(name) + 1)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
