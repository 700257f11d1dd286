"""What a passage says about itself in the metadata of LangChain documents and LlamaIndex nodes."""

from __future__ import annotations

from typing import Any

from core.types import Passage


def metadata_of(passage: Passage) -> dict[str, Any]:
    """Plain values: where the passage stands, what it was found with, and the digest of its document's content."""
    chunk = passage.chunk
    return {
        "document_id": chunk.document_id,
        "uri": chunk.uri,
        "title": chunk.title,
        "heading_path": list(chunk.heading_path),
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "content_sha256": passage.content_sha256,
        "score": passage.score,
        "scores": dict(passage.scores),
        "ranks": dict(passage.ranks),
    }
