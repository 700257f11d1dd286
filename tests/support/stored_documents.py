"""Documents and their entries in the manifest of a collection, as storage keeps them."""

from __future__ import annotations

from core.types import Document, DocumentState, ManifestEntry, TextFormat


def document(uri: str, body: str = "Text", access: tuple[str, ...] = ("public",)) -> Document:
    return Document(uri, "Title", body, TextFormat.MARKDOWN, "text/markdown", "0" * 64, (), access)


def entry(item: Document, state: DocumentState = DocumentState.INDEXED) -> ManifestEntry:
    return ManifestEntry(
        document_id=item.id, uri=item.uri, source="docs", etag="1", content_sha256=item.content_sha256,
        converter_fingerprint="c", state=state, chunks=1, access=item.access,
    )  # fmt: skip
