"""What both indexes store for a chunk, and what they refuse. One schema, so a collection means the same in either."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import CollectionMismatchError, NotFoundError
from core.types import Chunk, CollectionSpec, EmbeddedDocument, StoredChunk

DENSE = "dense"
BM25 = "bm25"

DOCUMENT_ID = "document_id"
SOURCE = "source"
ACCESS = "access"
KEYWORDS = (DOCUMENT_ID, SOURCE, ACCESS)
"""Payload fields with a keyword index."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

SCROLL_PAGE = 256
UPSERT_CHUNKS = 256
"""Chunks sent to the engine at a time: about 1 MB."""


def to_payload(chunk: Chunk, document: EmbeddedDocument) -> dict[str, Any]:
    """The payload of one chunk's point, whose id is the chunk's id."""
    return {
        DOCUMENT_ID: chunk.document_id,
        SOURCE: document.source,
        ACCESS: list(document.access),
        "content_sha256": document.content_sha256,
        "ordinal": chunk.ordinal,
        "uri": chunk.uri,
        "title": chunk.title,
        "heading_path": list(chunk.heading_path),
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
    }


def from_payload(payload: Mapping[str, Any]) -> StoredChunk:
    """The inverse of `to_payload`."""
    chunk = Chunk(
        document_id=payload[DOCUMENT_ID],
        ordinal=payload["ordinal"],
        uri=payload["uri"],
        title=payload["title"],
        heading_path=tuple(payload["heading_path"]),
        page=payload["page"],
        start=payload["start"],
        end=payload["end"],
        text=payload["text"],
    )
    return StoredChunk(chunk, payload[SOURCE], tuple(payload[ACCESS]), payload["content_sha256"])


def well_formed(chunk_ids: Sequence[str]) -> list[str]:
    """Those that can be a chunk's id at all; the engines refuse a whole request for one that is no UUID."""
    return [chunk_id for chunk_id in chunk_ids if _UUID.fullmatch(chunk_id)]


def require_same_spec(stored: CollectionSpec, wanted: CollectionSpec) -> None:
    """Raise CollectionMismatchError, naming each difference, unless the two are equal."""
    if stored == wanted:
        return
    ours, theirs = wanted.as_dict(), stored.as_dict()
    differences = ", ".join(
        f"{name} {theirs[name]!r} instead of {ours[name]!r}" for name in ours if ours[name] != theirs[name]
    )
    raise CollectionMismatchError(
        f"Collection {wanted.name} was built with {differences}.",
        hint="Make an index of another name with `ragloop index rebuild`, or drop this one with `ragloop index drop`.",
    )


def require_vectors(document: EmbeddedDocument, spec: CollectionSpec) -> None:
    """Raise CollectionMismatchError unless there is one vector of the collection's size for each chunk."""
    expected = (len(document.chunks), spec.dimensions)
    if document.vectors.shape != expected:
        raise CollectionMismatchError(
            f"Document {document.document_id} came with vectors of shape {document.vectors.shape}; the collection "
            f"{spec.name}, built with {spec.embedder}, takes {expected}.",
            hint=f"Embed with {spec.embedder}; `ragloop index rebuild --embedder` makes an index for another embedder.",
        )


def unknown_collection(name: str) -> NotFoundError:
    """The error for a collection that does not exist."""
    return NotFoundError(f"There is no collection {name}.", hint="Run `ragloop ingest FOLDER` first.")
