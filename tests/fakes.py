"""Fakes for the ports. Each passes the same conformance suite in tests/contract/ as the real implementations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CollectionMismatchError, ConversionError, FailureKind, NotFoundError, UnavailableError
from core.ports import Generated, GenerationRequest, Judgement, LeftAlone, LocalFile, TextDelta
from core.search_filter import LABEL, LANGUAGE, SOURCE, Period, SearchFields
from core.text.languages import AUTO
from core.text.search_form import identifiers
from core.types import (
    PUBLIC,
    AccessScope,
    Citation,
    CollectionSpec,
    EmbeddedDocument,
    Hit,
    SearchLegs,
    SourceItem,
    StoredChunk,
    Usage,
    Vector,
)
from evals.judges.reply import read_reply
from retrieval.indexes.schema import by_frequency, few
from tests.support.judge_replies import reply

_WORD = re.compile(r"\w+")


class FakeEmbedder:
    """A bag of hashed words: texts that share words have similar vectors. Deterministic, instant, no model."""

    name = "fake"
    fingerprint = hashlib.sha256(b"fake embedder").hexdigest()
    dimensions = 64
    max_tokens = 256

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        self.embedded.extend(texts)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.lower()) or [""]:
                slot = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % self.dimensions
                vectors[row, slot] += 1.0
        if progress is not None:
            progress(len(texts))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_question(self, question: str) -> Vector:
        vector: Vector = self.embed([question])[0]
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(self.token_offsets(text)) for text in texts]

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]


class FakeSource:
    """A source over `texts`, by file name, which lie in `folder` once they are listed. While `down`, it is an outage."""

    root = "a fake"

    def __init__(
        self, name: str, folder: Path, access: tuple[str, ...] = (PUBLIC,), skipped: Mapping[str, int] | None = None
    ) -> None:
        self.name = name
        self.access = access
        self.skipped = skipped or {}
        self.left_alone: Sequence[LeftAlone] = ()
        self.texts: dict[str, str] = {}
        self.down = False
        self._folder = folder

    def list(self) -> Iterator[SourceItem]:
        if self.down:
            raise UnavailableError("The fake is down.")
        self._folder.mkdir(exist_ok=True)
        for name, text in sorted(self.texts.items()):
            (self._folder / name).write_text(text)
            etag = hashlib.sha256(text.encode()).hexdigest()
            yield SourceItem(f"{self.name}/{name}", self.name, etag, len(text.encode()), self.access)

    def fetch(self, item: SourceItem) -> LocalFile:
        name = item.uri.removeprefix(f"{self.name}/")
        if name not in self.texts:
            raise ConversionError(FailureKind.UNREADABLE, "It is not among the texts.")
        return LocalFile(self._folder / name, name)


def _values(stored: StoredChunk) -> dict[str, tuple[str, ...]]:
    language = getattr(stored.chunk, "language", "")
    return {**stored.facts.metadata, SOURCE: (stored.source,), LABEL: stored.access, LANGUAGE: (language,)}


class InMemoryIndex:
    """A VectorIndex that scans lists. The sparse leg counts shared words instead of BM25."""

    def __init__(self) -> None:
        self._specs: dict[str, CollectionSpec] = {}
        self._documents: dict[str, dict[str, EmbeddedDocument]] = {}
        self._revisions: dict[str, int] = {}

    def ensure(self, spec: CollectionSpec) -> None:
        known = self._specs.setdefault(spec.name, spec)
        if known != spec:
            raise CollectionMismatchError(f"{spec.name} was built with {known.embedder}.", hint="Rebuild the index.")
        self._documents.setdefault(spec.name, {})
        self._revisions.setdefault(spec.name, 0)

    def spec(self, collection: str) -> CollectionSpec:
        self._require(collection)
        return self._specs[collection]

    def commit(self, collection: str, upserts: Iterable[EmbeddedDocument], deletes: Iterable[str]) -> int:
        self._require(collection)
        content = dict(self._documents[collection])
        for document in upserts:
            content[document.document_id] = document
        for document_id in deletes:
            content.pop(document_id, None)
        self._documents[collection] = content
        self._revisions[collection] += 1
        return self._revisions[collection]

    def purge(self, collection: str) -> None:
        self._require(collection)

    def search(
        self, collection: str, text: str | None, vector: Vector | None, limit: int, scope: AccessScope
    ) -> SearchLegs:
        self._require(collection)
        words = set(_WORD.findall((text or "").lower()))
        names = {name.lower() for name in identifiers(text or "")}
        dense, sparse, exact = [], [], []
        for stored, stored_vector in self.scroll(collection):
            if not scope.allows(stored.access) or not scope.narrowed.allows(_values(stored), stored.facts.date):
                continue
            if vector is not None:
                dense.append(Hit(stored.chunk.id, float(stored_vector @ vector)))
            shared = len(words & set(_WORD.findall(stored.chunk.indexed_text.lower())))
            if shared:
                sparse.append(Hit(stored.chunk.id, float(shared)))
            if names & {name.lower() for name in identifiers(stored.chunk.indexed_text)}:
                exact.append(Hit(stored.chunk.id, 1.0))
        order = lambda hits: tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit])  # noqa: E731
        return SearchLegs(order(dense), order(sparse), self._revisions[collection], few(exact))

    def languages(self, collection: str) -> tuple[str, ...]:
        self._require(collection)
        language = self._specs[collection].language
        if language != AUTO:
            return (language,)
        documents = self._documents[collection].values()
        return by_frequency((chunk.language, 1) for document in documents for chunk in document.chunks)

    def fields(self, collection: str, scope: AccessScope) -> SearchFields:
        self._require(collection)
        visible = [stored for stored, _ in self.scroll(collection) if scope.allows(stored.access)]
        found: dict[str, set[str]] = {}
        for stored in visible:
            for name, values in _values(stored).items():
                found.setdefault(name, set()).update(filter(None, values))
        found[LABEL] = {label for label in found.get(LABEL, ()) if scope.allows([label])}
        days = [stored.facts.date for stored in visible if stored.facts.date]
        ordered = {name: tuple(sorted(values)) for name, values in found.items()}
        return SearchFields(ordered, Period(min(days), max(days)) if days else None)

    def fetch(self, collection: str, chunk_ids: Sequence[str], scope: AccessScope) -> list[StoredChunk]:
        self._require(collection)
        by_id = {stored.chunk.id: stored for stored, _ in self.scroll(collection) if scope.allows(stored.access)}
        return [by_id[chunk_id] for chunk_id in chunk_ids if chunk_id in by_id]

    def chunk_counts(self, collection: str) -> dict[str, int]:
        self._require(collection)
        return {key: len(document.chunks) for key, document in self._documents[collection].items() if document.chunks}

    def scroll(self, collection: str) -> Iterator[tuple[StoredChunk, Vector]]:
        self._require(collection)
        rows = [
            (
                StoredChunk(
                    chunk, document.source, document.access, document.content_sha256, document.facts, document.wording
                ),
                vector,
            )
            for document in self._documents[collection].values()
            for chunk, vector in zip(document.chunks, document.vectors, strict=True)
        ]
        yield from sorted(rows, key=lambda row: row[0].chunk.id)

    def revision(self, collection: str) -> int:
        self._require(collection)
        return self._revisions[collection]

    def collections(self) -> list[str]:
        return sorted(self._specs)

    def drop(self, collection: str) -> None:
        for store in (self._specs, self._documents, self._revisions):
            store.pop(collection, None)

    def close(self) -> None:
        pass

    def _require(self, collection: str) -> None:
        if collection not in self._specs:
            raise NotFoundError(f"There is no collection {collection}.", hint="Run `ragloop ingest FOLDER` first.")


class InterruptedIndex(InMemoryIndex):
    """Is cut off right after a commit, before anybody can write down that it happened."""

    interrupted = False

    def commit(self, *arguments: Any) -> int:
        revision = super().commit(*arguments)
        if self.interrupted:
            raise KeyboardInterrupt
        return revision


class FakeGenerator:
    """Answers with the first passage, word by word, and cites all of it."""

    name = "fake"

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        chunk = request.passages[0].chunk
        marker = request.first_marker
        words = [*chunk.text.split(), f"[{marker}]"]
        kept = words if request.max_tokens is None else words[: request.max_tokens]
        for word in kept:
            yield TextDelta(word + " ")
        citation = Citation(marker, chunk, chunk.start, chunk.end, chunk.text, 1.0)
        reason = "stop" if len(kept) == len(words) else "length"
        yield Generated((citation,), Usage(len(request.question.split()), len(kept)), reason)


class FakeJudge:
    """Reads its judgements out of `respond`, which is handed the prompt: by default it counts words."""

    name = "fake"
    fingerprint = hashlib.sha256(b"fake judge").hexdigest()

    def __init__(self, respond: Callable[[str], str] = reply) -> None:
        self._respond = respond
        self.prompts: list[str] = []

    async def ask(self, prompt: str, form: type[Judgement]) -> Judgement:
        self.prompts.append(prompt)
        return read_reply(self._respond(prompt), form)
