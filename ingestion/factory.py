"""Putting a pipeline together: which collection it fills, with which embedder and splitter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from core.errors import CollectionMismatchError, InputError
from core.ports import Source
from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository, EmbeddingMemo, RunRepository
from core.storage.embedders import EmbedderRepository
from core.storage.loop.erasures import ErasureRepository
from core.storage.releases import ReleaseRepository
from core.types import PUBLIC, CollectionSpec
from ingestion.converters.registry import FileConverter
from ingestion.converters.sandbox import Limits
from ingestion.pipeline import Pipeline, Stores
from ingestion.sources.registry import open_source
from ingestion.splitting.structure_splitter import NAME, StructureSplitter
from ingestion.splitting.tokens import TokenizerFile
from retrieval.embedders.model import EmbeddingModel
from retrieval.factory import Embedders, open_index


class EmbedderIdentity(Protocol):
    """What a collection records of its embedder. Known without loading the model."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimensions(self) -> int: ...


def default_spec(settings: Settings, embedder: EmbedderIdentity) -> CollectionSpec:
    """The collection that the settings describe."""
    return spec_of(settings.language, embedder, settings.chunk_tokens)


def chunk_tokens_of(spec: CollectionSpec) -> int | None:
    """The token limit of the collection's chunks; None if another splitter made them."""
    kind, _, limit = spec.splitter.rpartition("-")
    return int(limit) if kind == NAME and limit.isdigit() else None


@contextmanager
def open_stores(settings: Settings) -> Iterator[tuple[Database, Stores]]:
    """The database and what lies in it and in the index; closed at the end of the block."""
    database = Database.open(settings)
    index = open_index(settings)
    try:
        documents, memo = DocumentRepository(database), EmbeddingMemo(database)
        yield database, Stores(index, documents, memo, RunRepository(database), ErasureRepository(database))
    finally:
        index.close()
        database.close()


@contextmanager
def open_pipeline(settings: Settings, spec: CollectionSpec | None = None) -> Iterator[Pipeline]:
    """A pipeline into the collection of `spec`; by default the champion release's, or before there is one, the one that
    the settings describe. `pipeline.spec` says which it is.

    Raises CollectionMismatchError when this installation cannot make that collection's vectors and chunks.
    """
    with open_stores(settings) as (database, stores):
        embedders = Embedders(settings, EmbedderRepository(database))
        if spec is None:
            champion = ReleaseRepository(database).champion()
            own = champion.manifest.collection.spec if champion else None
            spec = own or default_spec(settings, embedders.named(settings.embedder))
        model = embedders.model_of(spec)
        yield Pipeline(
            home=settings.home,
            spec=spec,
            open_embedder=lambda: embedders.load(model),
            splitter=splitter_of(spec, model),
            converter=FileConverter.of(settings),
            stores=stores,
            limits=Limits.of(settings),
            max_chunks=settings.max_run_chunks,
        )


def folder_source(
    pipeline: Pipeline, folder: Path, name: str | None = None, access: tuple[str, ...] = (PUBLIC,)
) -> Source:
    """The folder as a source, by default named like the folder.

    Raises InputError when it is not there and never was: a folder that is known and missing is an outage, which
    listing it reports.
    """
    folder = folder.expanduser().absolute()
    source = open_source(name or folder.name, str(folder), access)
    if not source.name or "/" in source.name:
        raise InputError(f"{source.name!r} cannot name a source.", hint="Name it with --source, without a slash.")
    if not access or not all(access):
        raise InputError("A document needs an access label.", hint=f"Leave --access away to make it {PUBLIC}.")
    if not folder.is_dir() and pipeline.stores.documents.source_root(source.name) != source.root:
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"The folder {folder} {what}.", hint="Name the folder that the documents are in.")
    return source


def spec_of(language: str, embedder: EmbedderIdentity, chunk_tokens: int, base: str = "documents") -> CollectionSpec:
    """The collection of chunks of at most so many tokens."""
    # Counting tokens needs only the tokenizer, which the embedder's fingerprint covers.
    splitter = StructureSplitter(TokenizerFile(Path()), chunk_tokens, embedder.fingerprint)
    return CollectionSpec(
        embedder=embedder.name,
        embedder_fingerprint=embedder.fingerprint,
        dimensions=embedder.dimensions,
        splitter=splitter.name,
        splitter_fingerprint=splitter.fingerprint,
        language=language,
        base=base,
    )


def splitter_of(spec: CollectionSpec, model: EmbeddingModel) -> StructureSplitter:
    """The splitter that the collection was made with. Raises CollectionMismatchError when it cannot be made here."""
    limit = chunk_tokens_of(spec)
    if limit is not None:
        splitter = StructureSplitter(TokenizerFile(model.tokenizer_file), limit, model.fingerprint)
        if splitter.fingerprint == spec.splitter_fingerprint:
            return splitter
    raise CollectionMismatchError(
        f"The collection {spec.name} was made with the splitter {spec.splitter}, which this version of RAGLoop does "
        "not have.",
        hint="Make a new index out of its documents: ragloop index rebuild.",
    )
