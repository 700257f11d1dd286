"""Putting the serving side together from settings: what a process needs to answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from core.ports import Embedder, VectorIndex
from core.release import Release
from core.settings import Settings
from core.storage.database import Database
from core.storage.documents import RunRepository
from core.storage.interactions import InteractionRepository
from core.storage.releases import ReleaseRepository
from retrieval.factory import open_embedder, open_index
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.answerer import Answerer
from serving.evidence import EvidenceScorer
from serving.extractive import ExtractiveGenerator
from serving.prompt_library import load_prompts, resolve_prompts
from serving.releases import champion_or_first

# How long a process may go on answering with the previous champion after the pointer moved.
POINTER_CHECK_SECONDS = 1.0


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


def build_answerer(services: Services, release: Release) -> Answerer:
    """The Answerer of one release. Raises CollectionMismatchError or NotFoundError if it cannot be served here."""
    manifest = release.manifest
    resolve_prompts(manifest.prompts, load_prompts())
    language = manifest.collection.language
    sparse = SparseEncoder(language)
    retriever = Retriever(services.index, services.embedder, manifest.collection.name, manifest.retrieval)
    scorer = EvidenceScorer(services.embedder, sparse, manifest.guards.abstention, language)
    generator = ExtractiveGenerator(services.embedder, language)
    return Answerer(release, retriever, scorer, generator, InteractionRepository(services.database))


class Champion:
    """The Answerer of whichever release is champion now, rebuilt when the pointer moves. Thread-safe."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._releases = ReleaseRepository(services.database)
        self._runs = RunRepository(services.database)
        self._lock = threading.Lock()
        self._answerer: Answerer | None = None
        self._checked = float("-inf")

    def answerer(self) -> Answerer:
        """Raises UnavailableError with a hint while nothing has been ingested."""
        with self._lock:
            if self._answerer is None or time.monotonic() - self._checked > POINTER_CHECK_SECONDS:
                release = self._current()
                if self._answerer is None or self._answerer.release.id != release.id:
                    self._answerer = build_answerer(self._services, release)
                self._checked = time.monotonic()
            return self._answerer

    def _current(self) -> Release:
        champion = self._releases.champion()
        if champion is not None:
            return champion
        index = self._services.index
        specs = {name: index.spec(name) for name in index.collections()}
        return champion_or_first(self._services.settings, self._releases, self._runs, specs)
