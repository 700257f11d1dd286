"""A whole RAGLoop in one process over fakes: real database, champion and answerer; an index of lists, no model."""

from __future__ import annotations

import copy
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import update

from app.server import create_app
from core.ports import Generated, GenerationRequest, TextDelta
from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    Release,
    ReleaseManifest,
    RetrievalParameters,
)
from core.settings import Settings, load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.documents import DocumentRepository, RunRepository
from core.storage.interactions import InteractionRepository
from core.storage.releases import ReleaseRepository
from core.storage.tables import api_keys
from core.types import (
    PUBLIC,
    Chunk,
    Citation,
    CollectionSpec,
    Document,
    DocumentState,
    EmbeddedDocument,
    ManifestEntry,
    Role,
    TextFormat,
    Usage,
    digest,
)
from ingestion.facts import facts_of
from serving.answerer import Answerer
from serving.factory import Services, build_answerer
from serving.releases.first import newest_prompts
from tests.fakes import FakeEmbedder, InMemoryIndex
from tests.support.migrated import lay_database

LOCAL = "http://127.0.0.1:8080"

HOLIDAYS = """# Holidays

Every employee has thirty days of holiday each year. Holidays are approved by the team lead.

## Carrying over

- Up to five days are carried over to the next year.
- They expire at the end of March.
"""

SALARIES = "# Salaries\n\nThe board's salaries are decided by the shareholders each spring.\n"

# The question's words must stand in one passage: a rule that a test can foresee.
FORESEEABLE = AbstentionModel(weights={"coverage": 20.0}, bias=-12.0, threshold=0.5, fitted_on="nothing: a test's rule")


@dataclass
class World:
    """Stores with two documents in them, one public and one for the label `board`, and an application over them."""

    home: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    like: World | None = None
    """Another world, whose rows and chunks this one begins with."""

    def __post_init__(self) -> None:
        self.settings: Settings = load_settings(home=self.home, **self.overrides)
        lay_database(self.settings.home)
        self.index = InMemoryIndex()
        if self.like is not None:
            self.index = copy.deepcopy(self.like.index)
            theirs, own = (sqlite3.connect(home / "ragloop.db") for home in (self.like.home, self.settings.home))
            with closing(theirs), closing(own):
                theirs.backup(own)
        self.database = Database.open(self.settings)
        self.embedder = FakeEmbedder()
        self.services = Services(self.settings, self.database, self.index, self.embedder)
        self.spec = CollectionSpec("fake", self.embedder.fingerprint, self.embedder.dimensions, "paragraphs", "1")
        self.documents = DocumentRepository(self.database)
        self.keys = ApiKeyRepository(self.database)
        self.release: Release | None = self.like.release if self.like else None

    def ingest(self, generator: GeneratorSpec | None = None) -> World:
        """Both documents, and a champion that answers what they hold, extractively unless `generator` says how."""
        self.add("handbook/holidays.md", HOLIDAYS, title="Holidays")
        self.add("handbook/salaries.md", SALARIES, title="Salaries", access=("board",))
        RunRepository(self.database).start("run", "handbook", self.spec.name)
        RunRepository(self.database).finish("run", "finished", {})
        manifest = ReleaseManifest(
            prompts=newest_prompts(),
            collection=CollectionRef.of(self.spec),
            retrieval=RetrievalParameters(top_k=4),
            generator=generator or GeneratorSpec(),
            guards=Guards(abstention=FORESEEABLE),
        )
        self.release = ReleaseRepository(self.database).install_first(manifest, "a test", "a test")
        return self

    def add(
        self,
        uri: str,
        text: str,
        *,
        title: str = "A document",
        access: tuple[str, ...] = (PUBLIC,),
        text_format: TextFormat = TextFormat.MARKDOWN,
        page_starts: tuple[int, ...] = (),
    ) -> Document:
        """Store and index a document, one chunk a paragraph."""
        document = Document(uri, title, text, text_format, "text/markdown", digest(text), page_starts, access)
        source = uri.partition("/")[0]
        self.documents.save(source, "fake", [document])
        chunks = tuple(_chunks(document))
        vectors = self.embedder.embed([chunk.indexed_text for chunk in chunks])
        self.index.ensure(self.spec)
        facts = facts_of(document)
        embedded = EmbeddedDocument(document.id, source, document.content_sha256, access, chunks, vectors, facts)
        self.index.commit(self.spec.name, [embedded], [])
        entry = ManifestEntry(
            document.id,
            uri,
            source,
            "etag",
            document.content_sha256,
            "fake",
            DocumentState.INDEXED,
            len(chunks),
            access,
        )
        self.documents.save_entries(self.spec.name, "run", [entry])
        return document

    def key(
        self,
        *access: str,
        roles: Iterable[Role] = (Role.CHAT,),
        name: str = "a test",
        expires_in: timedelta | None = None,
    ) -> str:
        """The text of a new API key that sees documents with these labels, and may do what these roles may."""
        return self.keys.create(name, access or (PUBLIC,), expires_in, roles)[1]

    def expire(self, key_id: str) -> None:
        """Let the key's life be over."""
        with self.database.transaction() as connection:
            ended = datetime.now(UTC) - timedelta(seconds=1)
            connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(expires_at=ended))

    def app(self, generator: object | None = None) -> FastAPI:
        """The application; with `generator`, that writes the answers."""
        champion = None if generator is None else _Fixed(self._answerer(generator))
        return create_app(self.settings, self.services, champion)

    def client(self, generator: object | None = None, **headers: str) -> AsyncClient:
        transport = ASGITransport(app=self.app(generator), raise_app_exceptions=False)
        return AsyncClient(transport=transport, base_url=LOCAL, headers=headers)

    def _answerer(self, generator: Any) -> Answerer:
        assert self.release is not None
        built = build_answerer(self.services, self.release)
        interactions = InteractionRepository(self.database)
        return Answerer(self.release, built.retriever, built.scorer, generator, interactions)


@dataclass
class _Fixed:
    """A champion that never changes."""

    fixed: Answerer

    def answerer(self) -> Answerer:
        return self.fixed


@dataclass
class Scripted:
    """A generator that says what it is told to, then fails if it is told to. Each marker [n] cites the n-th passage;
    the citations in `weak` are not supported."""

    pieces: Sequence[str]
    failure: Exception | None = None
    name: str = "scripted"
    weak: Sequence[int] = ()
    requests: list[GenerationRequest] = field(default_factory=list)

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        self.requests.append(request)
        for piece in self.pieces:
            yield TextDelta(piece)
        if self.failure is not None:
            raise self.failure
        markers = {int(marker) for marker in re.findall(r"\[(\d+)\]", "".join(self.pieces))}
        citations = tuple(
            Citation(
                marker,
                passage.chunk,
                passage.chunk.start,
                passage.chunk.end,
                passage.chunk.text,
                1.0,
                supported=marker not in self.weak,
            )
            for marker, passage in enumerate(request.passages, start=1)
            if marker in markers
        )
        yield Generated(citations, Usage(11, 7))


def _chunks(document: Document) -> list[Chunk]:
    spans = [match.span() for match in re.finditer(r"\S(?:.|\n(?!\n))*", document.text)]
    return [
        Chunk(
            document.id,
            ordinal,
            document.uri,
            document.title,
            (document.title,),
            None,
            start,
            end,
            document.text[start:end],
        )
        for ordinal, (start, end) in enumerate(spans)
    ]


def asks(question: str, **more: Any) -> dict[str, Any]:
    """The body of a chat completion request."""
    return {"model": "ragloop", "messages": [{"role": "user", "content": question}], **more}


async def sign_in(client: AsyncClient, key: str, next_path: str = "/documents", **headers: str) -> Response:
    """Send the sign-in form; the client keeps the cookie that it gets."""
    return await client.post("/sign-in", data={"key": key, "next": next_path}, headers=headers)
