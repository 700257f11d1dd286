"""Putting the serving side together from settings: what a process needs to answer."""

from __future__ import annotations

from dataclasses import dataclass

from core.ports import Embedder, VectorIndex
from core.release import Release
from core.settings import Settings
from core.storage.database import Database
from core.storage.interactions import InteractionRepository
from retrieval.factory import open_embedder, open_index
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.answerer import Answerer
from serving.evidence import EvidenceScorer
from serving.extractive import ExtractiveGenerator
from serving.prompt_library import load_prompts, resolve_prompts


@dataclass(frozen=True, slots=True)
class Services:
    """The open stores and the model of one process."""

    settings: Settings
    database: Database
    index: VectorIndex
    embedder: Embedder

    def close(self) -> None:
        self.index.close()
        self.database.close()


def open_services(settings: Settings) -> Services:
    """Open the database, the index and the embedder that `settings` name."""
    return Services(settings, Database.open(settings), open_index(settings), open_embedder(settings))


def build_answerer(services: Services, release: Release, *, recorded: bool = True) -> Answerer:
    """The Answerer of one release; unless `recorded`, its answers leave no record. Raises CollectionMismatchError or NotFoundError if it cannot be served here."""
    manifest = release.manifest
    resolve_prompts(manifest.prompts, load_prompts())
    language = manifest.collection.language
    sparse = SparseEncoder(language)
    retriever = Retriever(services.index, services.embedder, manifest.collection.name, manifest.retrieval)
    scorer = EvidenceScorer(services.embedder, sparse, manifest.guards.abstention, language)
    generator = ExtractiveGenerator(services.embedder, language)
    interactions = InteractionRepository(services.database) if recorded else None
    return Answerer(release, retriever, scorer, generator, interactions)
