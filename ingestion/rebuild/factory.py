"""Putting a rebuild together: what is to be otherwise in the new index, and with which embedder and splitter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import InputError
from core.settings import Settings
from core.storage.embedders import EmbedderRepository
from core.storage.releases import ReleaseRepository
from ingestion.factory import chunk_tokens_of, open_stores, spec_of, splitter_of
from ingestion.rebuild.indexes import Indexes, live_spec
from ingestion.rebuild.rebuild import Rebuild
from retrieval.factory import Embedders
from retrieval.sparse import SparseEncoder


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new collection is to have otherwise than the live one; None leaves it as it is there. `embedder` is the
    bundled model's name, a folder, or the name of an embedder that was used before; `base` is the human part of the
    collection's name."""

    chunk_tokens: int | None = None
    embedder: str | None = None
    language: str | None = None
    base: str | None = None


@contextmanager
def open_rebuild(settings: Settings, changes: Changes) -> Iterator[Rebuild]:
    """A rebuild of the live index with these changes.

    Raises NotFoundError while nothing has been ingested, SettingsError for an embedder that is not there, InputError
    for chunks that the embedder cannot read whole or a language without a stemmer.
    """
    with open_stores(settings) as (database, stores):
        embedders = Embedders(settings, EmbedderRepository(database))
        releases = ReleaseRepository(database)
        live = live_spec(releases, stores)
        model = embedders.named(changes.embedder) if changes.embedder else embedders.model_of(live)
        tokens = changes.chunk_tokens or chunk_tokens_of(live) or settings.chunk_tokens
        if tokens > model.max_tokens:
            raise InputError(
                f"The embedder {model.name} reads {model.max_tokens} tokens: of chunks of {tokens} it would see the "
                "beginning only.",
                hint=f"Choose --chunk-tokens {model.max_tokens} or less.",
            )
        spec = spec_of(changes.language or live.language, model, tokens, changes.base or live.base)
        SparseEncoder.of(spec)  # an unknown language is refused here
        yield Rebuild(
            home=settings.home,
            spec=spec,
            live=lambda: live_spec(releases, stores),
            open_embedder=lambda: embedders.load(model),
            splitter=splitter_of(spec, model),
            stores=stores,
            max_chunks=settings.max_run_chunks,
        )


@contextmanager
def open_indexes(settings: Settings) -> Iterator[Indexes]:
    """The indexes of this installation, to be listed and dropped."""
    with open_stores(settings) as (database, stores):
        yield Indexes(settings.home, stores, ReleaseRepository(database))
