"""Where to look when an answer is declined: the places nearest to the question, which answer nothing. Pure."""

from __future__ import annotations

from typing import Any

from core.types import Answer, Chunk

MOST_PLACES = 3


def places_to_look(answer: Answer) -> list[Chunk]:
    """The best passages of a declined answer, one of each section; none where there is an answer to read."""
    if not answer.abstained:
        return []
    sections: dict[tuple[object, ...], Chunk] = {}
    for passage in answer.retrieval.passages:
        chunk = passage.chunk
        sections.setdefault((chunk.uri, chunk.heading_path, chunk.page), chunk)
    return list(sections.values())[:MOST_PLACES]


def place_json(chunk: Chunk) -> dict[str, Any]:
    """A place as the public surface shows it."""
    return {
        "uri": chunk.uri,
        "title": chunk.title,
        "heading_path": list(chunk.heading_path),
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "document_id": chunk.document_id,
    }
