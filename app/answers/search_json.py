"""What a search found, and why, as the public surface shows it: `explain` of the API and of the command. Pure."""

from __future__ import annotations

from typing import Any

from core.release import Release
from core.search_filter import SearchFilter
from core.storage.interactions import passage_json
from core.types import Passage, Retrieval


def search_json(retrieval: Retrieval, release: Release, wanted: SearchFilter, *, explain: bool) -> dict[str, Any]:
    """The passages, best first, and if asked for how they came about."""
    passages = [passage_json(passage) for passage in retrieval.passages]
    found: dict[str, Any] = {"passages": passages, "release": release.id}
    if explain:
        found["explain"] = {
            "retrieval": release.manifest.retrieval.model_dump(mode="json"),
            "filter": str(wanted),
            "left_out": [{"chunk_id": each.chunk_id, "uri": each.uri, "why": each.why} for each in retrieval.left_out],
            "timings": dict(retrieval.timings),
        }
    return found


def in_words(passage: Passage) -> str:
    """Why a passage stands where it does, on one line."""
    names = {"dense": "meaning", "bm25": "words"}
    legs = [
        f"{word}: rank {passage.ranks[leg]}, score {passage.scores[leg]:.2f}"
        if leg in passage.ranks
        else f"{word}: not found"
        for leg, word in names.items()
    ]
    same = f"; {', '.join(passage.collapsed)} said the same" if passage.collapsed else ""
    fresh = passage.scores.get("freshness")
    aged = "" if fresh is None else f", by age times {fresh:.3f}"
    return f"{'; '.join(legs)}; together {passage.scores.get('fused', passage.score):.3f}{aged}{same}"
