"""Whether a rebuilt collection is, point by point, what its documents, splitter and embedder make."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from core.errors import RagloopError
from core.ports import Embedder, Splitter, VectorIndex
from core.storage.documents import DocumentRepository
from core.types import (
    AccessScope,
    Chunk,
    CollectionSpec,
    Document,
    DocumentState,
    ManifestEntry,
    StoredChunk,
    Vector,
    chunk_id,
)
from ingestion.facts import facts_of, wording_of

# Vectors that are embedded once more. They come from one model by one call, so a fault is in very many or in none.
_SAMPLES = 50
# Vectors are stored as 32-bit floats and normalised by the engine once more.
_LENGTH_TOLERANCE = 1e-3
# The same text embedded beside other texts, padded otherwise and in bfloat16: measured 0.9999 and above.
_LEAST_COSINE = 0.999

_NO_TEXT = (
    "Their converted texts are missing from the database: restore it from a backup, or change the files, so that "
    "`ragloop ingest` reads them again."
)


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was compared. `embedded` vectors were computed afresh."""

    documents: int
    chunks: int
    embedded: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class PointVerifier:
    """Checks the collection of `spec` against the manifest of the `live` collection and the stored texts."""

    index: VectorIndex
    documents: DocumentRepository
    splitter: Splitter
    spec: CollectionSpec
    live: str

    def verify(self, seed: str, open_embedder: Callable[[], Embedder] | None) -> Verified:
        """Raises RagloopError at the first difference. `seed` chooses the vectors to be embedded once more; without
        `open_embedder` none is."""
        entries = self.documents.entries(self.spec.name)
        self._verify_manifest(entries)
        filled = {key: entry for key, entry in entries.items() if entry.chunks}
        self._verify_counts(filled)
        for entry in sorted(filled.values(), key=lambda entry: entry.uri):
            self._verify_document(entry)
        chunks, sample = self._verify_vectors(random.Random(seed))  # noqa: S311 - a sample, no secret
        if open_embedder is not None and sample:
            _verify_embeddings(sample, open_embedder())
        return Verified(len(filled), chunks, len(sample) if open_embedder is not None else 0)

    def _verify_manifest(self, entries: Mapping[str, ManifestEntry]) -> None:
        """Every document of the live collection is listed, and searchable if it is so there; no other is."""
        live = self.documents.entries(self.live)
        missing = [entry.uri for key, entry in live.items() if key not in entries]
        missing += [
            entry.uri
            for key, entry in live.items()
            if key in entries and entry.chunks and not entries[key].chunks and entry.state is not DocumentState.PENDING
        ]
        extra = [entry.uri for key, entry in entries.items() if key not in live]
        if missing:
            raise self._different(f"{len(missing)} documents are missing, the first {min(missing)}", _NO_TEXT)
        if extra:
            raise self._different(f"{len(extra)} documents are not in the live index, the first {min(extra)}")

    def _verify_counts(self, filled: Mapping[str, ManifestEntry]) -> None:
        counts = self.index.chunk_counts(self.spec.name)
        unknown = counts.keys() - filled.keys()
        if unknown:
            raise self._different(f"{len(unknown)} documents are in the index and not in its manifest")
        for key, entry in filled.items():
            if counts.get(key, 0) != entry.chunks:
                raise self._different(f"{entry.uri} has {counts.get(key, 0)} chunks, its manifest says {entry.chunks}")

    def _verify_document(self, entry: ManifestEntry) -> None:
        """Each chunk is the text of its span, and all that is stored of it is what the splitter gives."""
        document = self.documents.get(entry.document_id)
        if document is None:
            raise self._different(f"{entry.uri} has no stored text")
        ids = [chunk_id(entry.document_id, ordinal) for ordinal in range(entry.chunks)]
        stored = self.index.fetch(self.spec.name, ids, AccessScope.everything())
        for one in stored:
            if document.text[one.chunk.start : one.chunk.end] != one.chunk.text:
                raise self._different(f"chunk {one.chunk.ordinal} of {entry.uri} is not the text of its span")
        wanted = [_wanted(chunk, document, entry) for chunk in self.splitter.split(document)]
        if stored != wanted:
            raise self._different(f"{entry.uri} has {_difference(stored, wanted)}")
        if (entry.content_sha256, entry.access) != (document.content_sha256, document.access):
            raise self._different(f"{entry.uri} has another version or other access labels in the manifest")

    def _verify_vectors(self, chance: random.Random) -> tuple[int, list[tuple[Chunk, Vector]]]:
        """The number of chunks, and a random sample of them with their vectors; each vector is of the right form."""
        sample: list[tuple[Chunk, Vector]] = []
        number = 0
        for number, (stored, vector) in enumerate(self.index.scroll(self.spec.name), start=1):
            well_formed = vector.shape == (self.spec.dimensions,)
            if not well_formed or not abs(float(np.linalg.norm(vector)) - 1) < _LENGTH_TOLERANCE:
                raise self._different(f"the vector of chunk {stored.chunk.ordinal} of {stored.chunk.uri} is not one")
            # Reservoir sampling: every chunk has the same chance, and only the sample is in memory.
            place = number - 1 if number <= _SAMPLES else chance.randrange(number)
            if place < _SAMPLES:
                sample[place : place + 1] = [(stored.chunk, vector)]
        return number, sample

    def _different(self, what: str, hint: str = "") -> RagloopError:
        name = self.spec.name
        return RagloopError(
            f"The rebuilt index {name} is not as it should be: {what}.",
            hint=hint or f"Drop it with `ragloop index drop {name}`, and rebuild it. The live index is as it was.",
        )


def _wanted(chunk: Chunk, document: Document, entry: ManifestEntry) -> StoredChunk:
    facts, wording = facts_of(document), wording_of(document)
    return StoredChunk(chunk, entry.source, document.access, document.content_sha256, facts, wording)


def _difference(stored: list[StoredChunk], wanted: list[StoredChunk]) -> str:
    if len(stored) != len(wanted):
        return f"{len(stored)} chunks where the splitter makes {len(wanted)}"
    first = next(ordinal for ordinal, pair in enumerate(zip(stored, wanted, strict=True)) if pair[0] != pair[1])
    ours, theirs = stored[first], wanted[first]
    names = [
        name
        for name in ("source", "access", "content_sha256", "facts", "wording")
        if getattr(ours, name) != getattr(theirs, name)
    ]
    names += [name for name in Chunk.__dataclass_fields__ if getattr(ours.chunk, name) != getattr(theirs.chunk, name)]
    return f"another {', '.join(names)} in chunk {first} than its text and the splitter give"


def _verify_embeddings(sample: list[tuple[Chunk, Vector]], embedder: Embedder) -> None:
    fresh = embedder.embed([chunk.indexed_text for chunk, _ in sample])
    for (chunk, vector), again in zip(sample, fresh, strict=True):
        cosine = float(vector @ again)
        if not cosine >= _LEAST_COSINE:
            raise RagloopError(
                f"The vector of chunk {chunk.ordinal} of {chunk.uri} is not what {embedder.name} makes of its text: "
                f"their cosine is {cosine:.4f}.",
                hint="The remembered vectors are wrong, or the embedder runs otherwise than when they were made. Drop "
                "the index with `ragloop index drop`, which forgets them, and rebuild it.",
            )
