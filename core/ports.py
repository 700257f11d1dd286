"""The seams: one Protocol each. Every implementation, and its fake, passes the suite in tests/contract/."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from core.search_filter import SearchFields
from core.types import (
    AccessScope,
    Chunk,
    Citation,
    CollectionSpec,
    DifferingSource,
    Document,
    EmbeddedDocument,
    Evidence,
    ModelUse,
    Passage,
    SearchLegs,
    SourceItem,
    StoredChunk,
    Turn,
    Usage,
    Vector,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

Judgement = TypeVar("Judgement", bound="BaseModel")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """Where a source put one document's bytes, and what the converter should take them for."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A file or folder that a source passed over, and why, in words."""

    uri: str
    reason: str


class Source(Protocol):
    """Where documents come from."""

    name: str
    """Short name, the first part of every URI."""
    root: str
    """Where the documents are read from now, in words a person recognises."""
    access: tuple[str, ...]
    """The access labels that its documents get."""

    @property
    def skipped(self) -> Mapping[str, int]:
        """What the last listing passed over, counted by file name suffix or, in brackets, by what else it is."""
        ...

    @property
    def left_alone(self) -> Sequence[LeftAlone]:
        """The same by name, or the first of it where it is very much."""
        ...

    def list(self) -> Iterable[SourceItem]:
        """Every document on offer, in a stable order. Raises UnavailableError when the source cannot be listed:
        an outage is never an empty list."""
        ...

    def fetch(self, item: SourceItem) -> LocalFile:
        """The item's bytes as a local file. Raises ConversionError (unreadable) when they cannot be had."""
        ...


class Converter(Protocol):
    """Turns the bytes of one kind of file into text."""

    fingerprint: str
    """Changes whenever the same bytes may convert differently."""

    def convert(self, file: LocalFile, item: SourceItem) -> Document:
        """The document's text, title and pages. Raises ConversionError with the reason a person should read."""
        ...


class Splitter(Protocol):
    """Cuts a document into chunks."""

    name: str
    fingerprint: str
    """Changes whenever the same text may split differently."""
    longest_chunk: int
    """Characters of its text that no chunk exceeds."""

    def split(self, document: Document) -> Sequence[Chunk]:
        """The chunks in order, with exact spans. A document with text has at least one."""
        ...


class Embedder(Protocol):
    """Turns text into unit vectors."""

    name: str
    fingerprint: str
    """Identifies weights, pooling and length limit; equal fingerprints mean interchangeable vectors."""
    dimensions: int
    max_tokens: int

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        """The vectors of texts that are searched: shape (len(texts), dimensions), float32, unit length, in the order
        given. `progress` is called with the number of texts finished since its last call."""
        ...

    def embed_question(self, question: str) -> Vector:
        """The vector that texts are searched with: shape (dimensions,), float32, unit length."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without the special tokens and without truncation."""
        ...

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) character span of each token, without special tokens and without truncation."""
        ...


class VectorIndex(Protocol):
    """Named collections of embedded chunks.

    A reader sees a collection before or after a commit, never in between. Every method raises IndexUnavailableError
    when the engine cannot be reached, NotFoundError when the collection does not exist.
    """

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection `spec.name` unless it exists. Raises CollectionMismatchError if it has another spec."""
        ...

    def spec(self, collection: str) -> CollectionSpec:
        """What the collection was built with."""
        ...

    def commit(self, collection: str, upserts: Iterable[EmbeddedDocument], deletes: Iterable[str]) -> int:
        """Replace each upserted document's chunks (all of them, stale ones too), remove the documents whose ids are in
        `deletes`, and return the collection's new revision. Doing it twice is the same as doing it once."""
        ...

    def purge(self, collection: str) -> None:
        """Leave nothing in files of this machine of what was deleted from the collection: engines keep that until they
        tidy up. Readers see no difference, but that the revision may move."""
        ...

    def search(
        self, collection: str, text: str | None, vector: Vector | None, limit: int, scope: AccessScope
    ) -> SearchLegs:
        """The best `limit` chunks by cosine and by BM25 among the documents that `scope` allows, and those that hold an
        identifier of the text. Without a vector, or without a text, that leg is left out and empty."""
        ...

    def languages(self, collection: str) -> tuple[str, ...]:
        """The languages that the collection's texts are analysed in, the commonest first."""
        ...

    def fields(self, collection: str, scope: AccessScope) -> SearchFields:
        """What the documents that `scope` allows can be filtered by."""
        ...

    def fetch(self, collection: str, chunk_ids: Sequence[str], scope: AccessScope) -> list[StoredChunk]:
        """The chunks with these ids that exist and that `scope` allows, in the order of the ids."""
        ...

    def chunk_counts(self, collection: str) -> dict[str, int]:
        """Number of chunks of each document, by document id."""
        ...

    def scroll(self, collection: str) -> Iterator[tuple[StoredChunk, Vector]]:
        """Every chunk with its vector, ordered by chunk id."""
        ...

    def revision(self, collection: str) -> int:
        """Counts the collection's commits, from 0 when it was created."""
        ...

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        ...

    def drop(self, collection: str) -> None:
        """Remove the collection. Dropping one that does not exist does nothing."""
        ...

    def close(self) -> None:
        """Release files and connections. The index can be used again and reopens what it needs."""
        ...


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a generator answers from. `passages` is the whole context: nothing else may be cited.
    `evidence` are the sentences of those passages, scored against the question. Markers count from `first_marker`.
    `language` is that of RAGLoop's own words in the answer, by its code."""

    question: str
    history: Sequence[Turn]
    passages: Sequence[Passage]
    evidence: Evidence
    max_tokens: int | None = None
    first_marker: int = 1
    language: str = "en"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Generated:
    """The last event of a generation. `finish_reason` is stop, or length when `max_tokens` cut the answer short.

    `degraded` says that another generator stood in; `model` is None where no served model wrote anything, and else
    `model_usage` are the tokens that it read and wrote, which cost. `differences` are pairs of what is cited that
    contradict one another.
    """

    citations: tuple[Citation, ...]
    usage: Usage
    finish_reason: str = "stop"
    degraded: bool = False
    model: ModelUse | None = None
    model_usage: Usage | None = None
    differences: tuple[tuple[DifferingSource, DifferingSource], ...] = ()


class Generator(Protocol):
    """Writes the answer out of the passages."""

    name: str

    def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        """Text as it comes, then exactly one Generated. Raises ModelUnavailableError when the model cannot be reached,
        refuses or breaks off, and BusyError when too many answers are being written. Closing the stream stops the
        work behind it."""
        ...


class Judge(Protocol):
    """A model that weighs answers, for evaluation."""

    name: str
    """The model's name, as a report shows it."""
    fingerprint: str
    """Changes whenever the same prompt may be judged otherwise: another model, another way of sampling or asking."""

    async def ask(self, prompt: str, form: type[Judgement]) -> Judgement:
        """The judge's answer to `prompt`, filled into `form`. Many may be asked for at once.

        Raises JudgeError when the judge cannot be reached or its answer does not fit the form.
        """
        ...
