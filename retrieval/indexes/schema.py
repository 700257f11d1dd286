"""What both indexes store for a chunk, and what they refuse. One schema, so a collection means the same in either."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from qdrant_edge import SparseVector

from core import search_filter
from core.errors import CollectionMismatchError, NotFoundError
from core.search_filter import DocumentFacts, Period, SearchFields
from core.text.languages import FALLBACK
from core.types import AccessScope, Chunk, CollectionSpec, EmbeddedDocument, Hit, StoredChunk
from retrieval.sparse import SparseEncoder

DENSE = "dense"
BM25 = "bm25"

DOCUMENT_ID = "document_id"
LANGUAGE = "language"
SOURCE = "source"
ACCESS = "access"
METADATA = "metadata"
"""What documents say of themselves, each as `name=value`."""
DATE = "date"
"""The document's date as a number, 20250314; absent where it has none."""
KEYWORDS = (DOCUMENT_ID, SOURCE, ACCESS, LANGUAGE, METADATA)
"""Payload fields with a keyword index."""

# Fields of a filter that have a field of their own in the payload.
_PLAIN = {search_filter.SOURCE: SOURCE, search_filter.LANGUAGE: LANGUAGE, search_filter.LABEL: ACCESS}
COUNTED = (SOURCE, LANGUAGE, ACCESS, METADATA, DATE)
"""The payload fields that a filter may name."""
MOST_COUNTED = 1000
"""Values of a field that are told."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

SCROLL_PAGE = 256
UPSERT_CHUNKS = 256
"""Chunks sent to the engine at a time: about 1 MB."""

MOST_EXACT = 20
"""An identifier that more chunks hold than these is a subject, which the ranking weighs like any other word."""
MOST_LANGUAGES = 40


@dataclass(frozen=True, slots=True)
class AskedTerms:
    """What the BM25 vectors are asked: a question's terms, and those of its identifiers; None where there is nothing to
    ask."""

    words: SparseVector | None
    exact: SparseVector | None


def asked_terms(encoder: SparseEncoder, text: str | None, languages: Sequence[str]) -> AskedTerms:
    """The terms of a question to documents in these languages; without a question none."""
    if text is None:
        return AskedTerms(None, None)
    exact = encoder.exact(text)
    return AskedTerms(encoder.query(text, languages), exact if exact.indices else None)


def few(exact: Sequence[Hit]) -> frozenset[str]:
    """The chunks that hold an identifier, if they are few enough for it to be one."""
    return frozenset(hit.chunk_id for hit in exact) if len(exact) <= MOST_EXACT else frozenset()


def by_frequency(counts: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """The languages, the commonest first, each once; what names none is read as the fallback."""
    total: Counter[str] = Counter()
    for language, count in counts:
        total[language or FALLBACK] += count
    return tuple(language for language, _ in sorted(total.items(), key=lambda item: (-item[1], item[0])))


def to_payload(chunk: Chunk, document: EmbeddedDocument) -> dict[str, Any]:
    """The payload of one chunk's point, whose id is the chunk's id."""
    return {
        DOCUMENT_ID: chunk.document_id,
        SOURCE: document.source,
        ACCESS: list(document.access),
        "content_sha256": document.content_sha256,
        **({"wording": document.wording} if document.wording else {}),
        "ordinal": chunk.ordinal,
        "uri": chunk.uri,
        "title": chunk.title,
        "heading_path": list(chunk.heading_path),
        "page": chunk.page,
        **({"last_page": chunk.last_page} if chunk.last_page else {}),
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        METADATA: [f"{name}={value}" for name, values in document.facts.metadata.items() for value in values],
        **({DATE: _number(document.facts.date)} if document.facts.date else {}),
        LANGUAGE: chunk.language,
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
        last_page=payload.get("last_page"),
        start=payload["start"],
        end=payload["end"],
        text=payload["text"],
        language=payload.get(LANGUAGE, ""),  # which the first schema did not store
    )
    access, facts = tuple(payload[ACCESS]), _facts(payload)
    return StoredChunk(chunk, payload[SOURCE], access, payload["content_sha256"], facts, payload.get("wording", ""))


def _facts(payload: Mapping[str, Any]) -> DocumentFacts:
    metadata: dict[str, tuple[str, ...]] = {}
    for name, _, value in (entry.partition("=") for entry in payload.get(METADATA, ())):
        metadata[name] = (*metadata.get(name, ()), value)
    day = payload.get(DATE)
    return DocumentFacts(_date(day) if day else None, metadata)


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _date(number: int) -> date:
    return date(number // 10_000, number // 100 % 100, number % 100)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The payload's field has one of these values."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The payload's field lies between these numbers, both included; None is open."""

    key: str
    least: int | None
    most: int | None


def conditions(scope: AccessScope) -> list[OneOf | Between]:
    """All that a chunk must meet to be found: the one place where access and filters come together. Each condition
    takes away from what the others leave. No labels match nothing."""
    found: list[OneOf | Between] = []
    if scope.labels is not None:
        found.append(OneOf(ACCESS, tuple(sorted(scope.labels))))
    for name, values in scope.narrowed.values:
        key = _PLAIN.get(name)
        found.append(OneOf(key, values) if key else OneOf(METADATA, tuple(f"{name}={value}" for value in values)))
    if period := scope.narrowed.period:
        first, last = period.first, period.last
        found.append(Between(DATE, _number(first) if first else None, _number(last) if last else None))
    return found


def fields_of(counts: Mapping[str, Mapping[str, int]], scope: AccessScope) -> SearchFields:
    """What can be filtered by, from the number of chunks of each value of each payload field. Labels that the scope
    does not have are not told."""
    found = {name: tuple(sorted(filter(None, counts[key]))) for name, key in _PLAIN.items()}
    if scope.labels is not None:
        found[search_filter.LABEL] = tuple(label for label in found[search_filter.LABEL] if label in scope.labels)
    for name, _, value in (entry.partition("=") for entry in sorted(counts[METADATA])):
        found[name] = (*found.get(name, ()), value)
    days = [int(number) for number in counts[DATE]]
    return SearchFields(found, Period(_date(min(days)), _date(max(days))) if days else None)


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
