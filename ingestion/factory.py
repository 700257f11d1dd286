"""Putting a pipeline together from the settings: which collection it fills, with which embedder and splitter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

from core.errors import CollectionMismatchError, InputError
from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository, EmbeddingMemo, RunRepository
from core.storage.releases import ReleaseRepository
from core.types import PUBLIC, CollectionSpec
from ingestion.converters.registry import READERS, FileConverter
from ingestion.converters.sandbox import Limits
from ingestion.pipeline import Pipeline, Stores
from ingestion.sources.folder import FolderSource
from ingestion.splitting.structure_splitter import NAME, StructureSplitter
from ingestion.splitting.tokens import TokenizerFile
from retrieval.embedders.model import EmbeddingModel, locate_model
from retrieval.factory import open_embedder, open_index


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
    return _spec(settings.language, embedder, settings.chunk_tokens)


@contextmanager
def open_pipeline(settings: Settings, spec: CollectionSpec | None = None) -> Iterator[Pipeline]:
    """A pipeline into the collection of `spec`; by default the champion release's, or before there is one, the one that
    the settings describe. `pipeline.spec` says which it is.

    Raises CollectionMismatchError when this installation cannot make that collection's vectors and chunks.
    """
    database = Database.open(settings)
    index = open_index(settings)
    try:
        model = locate_model(settings.embedder, settings.home / "models")
        champion = ReleaseRepository(database).champion()
        if spec is None:
            spec = champion.manifest.collection.spec if champion else default_spec(settings, model)
        yield Pipeline(
            home=settings.home,
            spec=spec,
            open_embedder=cache(lambda: open_embedder(settings)),
            splitter=_splitter(spec, model),
            converter=FileConverter(settings.max_file_mb * 1_000_000),
            stores=Stores(
                index=index,
                documents=DocumentRepository(database),
                memo=EmbeddingMemo(database),
                runs=RunRepository(database),
            ),
            limits=Limits(
                timeout_seconds=settings.convert_timeout_seconds,
                memory_bytes=settings.convert_memory_mb * 2**20,
                workers=settings.convert_workers,
            ),
        )
    finally:
        index.close()
        database.close()


def folder_source(
    pipeline: Pipeline, folder: Path, name: str | None = None, access: tuple[str, ...] = (PUBLIC,)
) -> FolderSource:
    """The folder as a source, by default named like the folder.

    Raises InputError when it is not there and never was: a folder that is known and missing is an outage, which
    listing it reports.
    """
    folder = folder.expanduser().absolute()
    source = FolderSource(name or folder.name, folder, READERS, access)
    if not source.name or "/" in source.name:
        raise InputError(f"{source.name!r} cannot name a source.", hint="Name it with --source, without a slash.")
    if not access or not all(access):
        raise InputError("A document needs an access label.", hint=f"Leave --access away to make it {PUBLIC}.")
    if not folder.is_dir() and pipeline.stores.documents.source_root(source.name) != source.root:
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"The folder {folder} {what}.", hint="Name the folder that the documents are in.")
    return source


def _spec(language: str, embedder: EmbedderIdentity, chunk_tokens: int) -> CollectionSpec:
    # Counting tokens needs only the tokenizer, which the embedder's fingerprint covers.
    splitter = StructureSplitter(TokenizerFile(Path()), chunk_tokens, embedder.fingerprint)
    return CollectionSpec(
        embedder=embedder.name,
        embedder_fingerprint=embedder.fingerprint,
        dimensions=embedder.dimensions,
        splitter=splitter.name,
        splitter_fingerprint=splitter.fingerprint,
        language=language,
    )


def _splitter(spec: CollectionSpec, model: EmbeddingModel) -> StructureSplitter:
    """The splitter that the collection was made with. Raises CollectionMismatchError when it cannot be made here."""
    if spec.embedder_fingerprint != model.fingerprint:
        raise CollectionMismatchError(
            f"The live release's collection {spec.name} was made with the embedder {spec.embedder}, "
            f"the settings say {model.name} or another version of it.",
            hint="Set RAGLOOP_EMBEDDER back, or ingest into an installation with a RAGLOOP_HOME of its own.",
        )
    kind, _, limit = spec.splitter.rpartition("-")
    if kind == NAME and limit.isdigit():
        splitter = StructureSplitter(TokenizerFile(model.tokenizer_file), int(limit), model.fingerprint)
        if splitter.fingerprint == spec.splitter_fingerprint:
            return splitter
    raise CollectionMismatchError(
        f"The live release's collection {spec.name} was made with the splitter {spec.splitter}, "
        "which this version of RAGLoop does not have.",
        hint="Ingest into an installation with a RAGLOOP_HOME of its own.",
    )
