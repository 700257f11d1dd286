"""Documents, ready for an index, for the vector index suites."""

from __future__ import annotations

from collections.abc import Sequence

from core.ports import VectorIndex
from core.search_filter import NO_FACTS, DocumentFacts
from core.types import (
    PUBLIC,
    AccessScope,
    Chunk,
    CollectionSpec,
    EmbeddedDocument,
    Vector,
    document_id,
)
from tests.fakes import FakeEmbedder

EMBEDDER = FakeEmbedder()
EVERYTHING = AccessScope.everything()


def spec_for(
    base: str = "documents", embedder: str = "fake", language: str = "english", schema_version: int = 2
) -> CollectionSpec:
    return CollectionSpec(
        embedder=embedder,
        embedder_fingerprint=EMBEDDER.fingerprint,
        dimensions=EMBEDDER.dimensions,
        splitter="test",
        splitter_fingerprint="0" * 64,
        language=language,
        schema_version=schema_version,
        base=base,
    )


def embedded(
    uri: str,
    texts: Sequence[str],
    access: Sequence[str] = (PUBLIC,),
    version: str = "1",
    language: str = "",
    facts: DocumentFacts = NO_FACTS,
) -> EmbeddedDocument:
    """A document at `uri` in `language` with one chunk per text."""
    chunks = tuple(
        Chunk(
            document_id=document_id(uri),
            ordinal=ordinal,
            uri=uri,
            title=uri.rpartition("/")[2],
            heading_path=("Chapter", "Section"),
            page=ordinal + 1 if ordinal else None,
            last_page=ordinal + 2 if ordinal else None,
            start=ordinal * 100,
            end=ordinal * 100 + len(text),
            text=text,
            language=language,
        )
        for ordinal, text in enumerate(texts)
    )
    vectors = EMBEDDER.embed([chunk.indexed_text for chunk in chunks])
    return EmbeddedDocument(document_id(uri), uri.partition("/")[0], version, tuple(access), chunks, vectors, facts)


def vector_of(text: str) -> Vector:
    return EMBEDDER.embed([text])[0]


def texts_in(index: VectorIndex, collection: str) -> set[str]:
    return {stored.chunk.text for stored, _ in index.scroll(collection)}
