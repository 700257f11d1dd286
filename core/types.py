"""The values that cross seams. Frozen, plain, and free of I/O."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from core.search_filter import NO_FACTS, NO_FILTER, DocumentFacts, SearchFilter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A string at run time, so that commands that embed nothing do not pay for importing numpy.
Vector: TypeAlias = "NDArray[np.float32]"

# Namespaces for name-based ids: the same URI is the same document on every machine, for ever.
_DOCUMENT_NAMESPACE = uuid.UUID("6f0e1d8c-2a5b-5c7e-9f43-0c1d2e3f4a5b")

PUBLIC = "public"


def document_id(uri: str) -> str:
    """The id of the document at `uri`: uuid5 of the URI."""
    return str(uuid.uuid5(_DOCUMENT_NAMESPACE, uri))


@lru_cache(maxsize=10_000)
def chunk_id(document: str, ordinal: int) -> str:
    """The id of a document's `ordinal`-th chunk (from 0): uuid5 of document id and ordinal."""
    return str(uuid.uuid5(uuid.UUID(document), str(ordinal)))


def digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON-serialisable value in canonical form: sorted keys, no spaces, UTF-8."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One document before it is read, which a source offers, or which came with another and has its `date`.

    `uri` is the source's name, a slash, and the path inside the source: `handbook/team/index.md`.
    `etag` changes whenever the content may have changed; equal etags mean "do not read it again".
    """

    uri: str
    source: str
    etag: str
    size: int
    access: tuple[str, ...] = (PUBLIC,)
    date: date | None = None

    @property
    def document_id(self) -> str:
        return document_id(self.uri)


class TextFormat(StrEnum):
    """How a document's text is to be read for structure."""

    MARKDOWN = "markdown"
    PLAIN = "plain"
    LAID_OUT = "laid-out"
    """From pages: plain, but for headings and tables, which are marked as in markdown."""
    RESTRUCTURED = "restructured"
    ASCIIDOC = "asciidoc"
    ORG = "org"


@dataclass(frozen=True, slots=True)
class Document:
    """A converted document. Every character span in the system indexes into `text`.

    `text` has `\\n` line ends and no byte-order mark. Of a file that is text it is the file's own, so a
    span can be checked against the file; for other formats it is what the converter extracted.
    `page_starts[i]` is the offset in `text` at which page i + 1 begins; empty where the format has no pages. `missing`
    says in a sentence what of the file is not in the text; empty where nothing is. `personal_data` counts what was
    found of each kind, where its source's policy has it looked for. `date` is the message's that it came with.
    """

    uri: str
    title: str
    text: str
    format: TextFormat
    media_type: str
    content_sha256: str
    page_starts: tuple[int, ...] = ()
    access: tuple[str, ...] = (PUBLIC,)
    missing: str = ""
    personal_data: tuple[tuple[str, int], ...] = ()
    date: date | None = None

    @property
    def id(self) -> str:
        return document_id(self.uri)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one document: `text == document.text[start:end]`, exactly.

    `heading_path` is the chain of headings the chunk stands under, outermost first; `page`, on which it begins, counts
    from 1, and `last_page` is where it ends if that is another.
    """

    document_id: str
    ordinal: int
    uri: str
    title: str
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    text: str
    language: str = ""
    """The document's, by its English name; empty where nothing tells."""
    last_page: int | None = None

    @property
    def pages(self) -> str:
        """Its page or pages as people write them, "3" or "3–4"; empty where the format has none."""
        return "–".join(str(page) for page in (self.page, self.last_page) if page)

    @property
    def id(self) -> str:
        return chunk_id(self.document_id, self.ordinal)

    @property
    def indexed_text(self) -> str:
        """What is embedded and indexed: the text under its title and headings, so that it says what it is about."""
        header = " > ".join(dict.fromkeys((self.title, *self.heading_path)))
        return f"{header}\n\n{self.text}" if header else self.text


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a collection was built with. Another value of any field means another collection.

    `base` is the human part of the name; the collection's name is `base-` and eight digits of the fingerprint.
    """

    embedder: str
    embedder_fingerprint: str
    dimensions: int
    splitter: str
    splitter_fingerprint: str
    language: str = "english"
    """What the BM25 leg analyses texts in; `auto` for each document's own."""
    schema_version: int = 2
    """1 analyses texts as they are written, 2 in their search form."""
    base: str = "documents"

    @property
    def fingerprint(self) -> str:
        return digest(self.as_dict())

    @property
    def name(self) -> str:
        return f"{self.base}-{self.fingerprint[:8]}"

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class EmbeddedDocument:
    """A document's chunks, ready for the index: `vectors` has shape (len(chunks), dimensions), float32, unit length."""

    document_id: str
    source: str
    content_sha256: str
    access: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    vectors: Vector
    facts: DocumentFacts = NO_FACTS
    wording: str = ""


@dataclass(frozen=True, slots=True)
class AccessScope:
    """Whose eyes a search is for: documents that carry at least one of `labels`; None means every document. `narrowed`
    is what else a search asks of documents, which only ever takes away."""

    labels: frozenset[str] | None
    narrowed: SearchFilter = NO_FILTER

    @classmethod
    def of(cls, *labels: str) -> AccessScope:
        return cls(frozenset(labels))

    @classmethod
    def everything(cls) -> AccessScope:
        return cls(None)

    @classmethod
    def recorded(cls, access: Sequence[str] | None) -> AccessScope:
        """The scope of which these labels are on record; None is everything."""
        return cls(None if access is None else frozenset(access))

    def allows(self, access: Sequence[str]) -> bool:
        return self.labels is None or not self.labels.isdisjoint(access)

    def covers(self, other: AccessScope) -> bool:
        """Whether who has this scope may see all that the other allows."""
        return self.labels is None or (other.labels is not None and self.labels >= other.labels)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of one search leg: a chunk and that leg's raw score (cosine, or BM25)."""

    chunk_id: str
    score: float


@dataclass(frozen=True, slots=True)
class SearchLegs:
    """Both legs of a hybrid search, best first, as the index stood at `revision`. `exact` are the chunks that hold an
    identifier of the question, where few do."""

    dense: tuple[Hit, ...]
    sparse: tuple[Hit, ...]
    revision: int
    exact: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the index returns it. `wording` is the same in documents that say the same: core.text.wording."""

    chunk: Chunk
    source: str
    access: tuple[str, ...]
    content_sha256: str
    facts: DocumentFacts = NO_FACTS
    wording: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was retrieved for a question. `scores` has dense, bm25 and fused, and where age counts freshness, by
    which fused is multiplied; `ranks` its places in dense and bm25, from 1; a leg that missed it is absent. `collapsed`
    are the URIs of documents that say the same there, `date` is the document's."""

    chunk: Chunk
    content_sha256: str
    score: float
    scores: Mapping[str, float]
    ranks: Mapping[str, int] = field(default_factory=dict)
    collapsed: tuple[str, ...] = ()
    date: date | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A chunk that was found and is not among the passages, and why not, in words."""

    chunk_id: str
    uri: str
    why: str


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The passages for a question, best first, and how they were found. `timings` is in seconds."""

    query: str
    passages: tuple[Passage, ...]
    collection: str
    revision: int
    timings: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    vector: Vector | None = field(default=None, repr=False, compare=False)
    """The question's, where the dense leg took part."""


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence of a passage: `document.text[start:end] == text`. `score` is its nearness to the question."""

    chunk: Chunk
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the passages holding the answer: their sentences, best first, the features that the abstention
    model reads, its verdict as a probability, and what the question names that stands in none of them."""

    sentences: tuple[ScoredSentence, ...]
    features: Mapping[str, float]
    confidence: float
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """What stands behind one statement: `document.text[start:end] == quote`. `marker` counts from 1.

    `supported` is False where a model wrote the statement and the passage it cited does not seem to say so. `marked`
    are the sentences that answer, as (start, end) in the document, where more than they is quoted for its context.
    """

    marker: int
    chunk: Chunk
    start: int
    end: int
    quote: str
    score: float
    supported: bool = True
    marked: tuple[tuple[int, int], ...] = ()

    @property
    def marked_texts(self) -> tuple[str, ...]:
        return tuple(self.quote[start - self.start : end - self.start] for start, end in self.marked)


@dataclass(frozen=True, slots=True)
class DifferingSource:
    """One of two sources that contradict one another: the citation that shows it, its document's date if that is known,
    and what it says where the other says something else, empty where the other negates."""

    citation: Citation
    date: date | None
    says: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the prompt and of the answer, counted as the generator counts them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a served model did for one answer; times are in seconds.

    `queue_seconds` is the wait for a place among the answers being written, `first_token_seconds` the time from asking
    the model to its first text, `generate_seconds` from there to its last. `passages` is how many passages of the
    retrieval were in the prompt, best first; `attempts` how often the model was asked.
    """

    model: str
    queue_seconds: float
    first_token_seconds: float
    generate_seconds: float
    tokens_per_second: float
    passages: int
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation; `role` is user, assistant or system."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, as it is shown, recorded and evaluated. `timings` is in seconds.

    `degraded` says that the release's model was down or slow and the answer is extractive instead, in whole or from
    where the model broke off. `model` is None where no model wrote any of it, `cost` where no prices are set.
    `differences` are pairs of quoted sources that contradict one another. `language` is that of RAGLoop's own words in
    it, and so of a refusal, by its code.
    """

    text: str
    abstained: bool
    degraded: bool
    citations: tuple[Citation, ...]
    retrieval: Retrieval
    confidence: float
    release: str
    interaction_id: str
    usage: Usage
    timings: Mapping[str, float]
    finish_reason: str = "stop"
    model: ModelUse | None = None
    cost: float | None = None
    differences: tuple[tuple[DifferingSource, DifferingSource], ...] = ()
    language: str = "en"


class DocumentState(StrEnum):
    """Where a document stands in one collection. The values are stored."""

    PENDING = "pending"
    INDEXED = "indexed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """What one collection holds of one document, as the manifest knows it.

    `etag` and `converter_fingerprint` are those of the last attempt to read it; `content_sha256` and `chunks` are of
    the version that the index holds, which for a failed document may be an earlier one, or none ("" and 0). `missing`
    is what of that version's file is not in its text.
    """

    document_id: str
    uri: str
    source: str
    etag: str
    content_sha256: str
    converter_fingerprint: str
    state: DocumentState
    chunks: int
    access: tuple[str, ...]
    failure_kind: str | None = None
    failure_reason: str | None = None
    missing: str = ""


class Role(StrEnum):
    """What a key may do. The values are stored. `admin` may do everything."""

    CHAT = "chat"
    INGEST = "ingest"
    REVIEW = "review"
    APPROVE = "approve"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something that goes on record. Two actors of the same name are taken for the same person."""

    name: str
    roles: frozenset[Role]

    def may(self, role: Role) -> bool:
        return role in self.roles or Role.ADMIN in self.roles
