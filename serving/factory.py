"""Putting the serving side together from settings: what a process needs to answer."""

from __future__ import annotations

import logging

from core.errors import CollectionMismatchError
from core.ports import Embedder, VectorIndex
from core.release import CollectionRef, Release
from core.settings import Settings
from core.storage.database import Database
from core.storage.embedders import EmbedderRepository
from core.storage.interactions import InteractionRepository
from core.storage.releases import ReleaseRepository
from retrieval.factory import Embedders, open_index
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.answerer import Answerer
from serving.evidence import EvidenceScorer
from serving.extractive import ExtractiveGenerator
from serving.prompt_library import load_prompts, resolve_prompts

logger = logging.getLogger(__name__)


class Services:
    """The open stores of one process, and the embedders that its releases need."""

    def __init__(
        self, settings: Settings, database: Database, index: VectorIndex, embedder: Embedder | None = None
    ) -> None:
        """`embedder` is the settings' own, if it is loaded already."""
        self.settings = settings
        self.database = database
        self.index = index
        self._own = embedder
        self._embedders = Embedders(settings, EmbedderRepository(database))
        if embedder is not None:
            self._embedders.add(embedder)

    @property
    def embedder(self) -> Embedder:
        """The embedder that the settings name, loaded when it is first asked for."""
        if self._own is None:
            self._own = self._embedders.load(self._embedders.named(self.settings.embedder))
        return self._own

    def embedder_for(self, collection: CollectionRef) -> Embedder:
        """The embedder that made the collection, loaded when a release first needs it.

        Raises CollectionMismatchError when it is not to be had here, or is no longer what it was.
        """
        return self._embedders.of(collection.spec)

    def answering_embedder(self) -> Embedder:
        """The champion's embedder; before there is one, the settings'. Raises as `embedder_for`."""
        champion = ReleaseRepository(self.database).champion()
        return self.embedder_for(champion.manifest.collection) if champion else self.embedder

    def warm_up(self) -> None:
        """Load the model that answers, which takes seconds: better now than in someone's question."""
        try:
            self.answering_embedder().embed(["ready"])
        except CollectionMismatchError as error:
            # Every question will be told so; another release may be promoted meanwhile.
            logger.error("%s %s", error.message, error.hint)

    def close(self) -> None:
        self.index.close()
        self.database.close()


def open_services(settings: Settings) -> Services:
    """Open the database and the index that `settings` name."""
    return Services(settings, Database.open(settings), open_index(settings))


def build_answerer(services: Services, release: Release, *, recorded: bool = True) -> Answerer:
    """The Answerer of one release; unless `recorded`, its answers leave no record.

    Raises CollectionMismatchError or NotFoundError if its embedder or its prompts are not to be had here. Its
    collection is looked for with the first question.
    """
    manifest = release.manifest
    resolve_prompts(manifest.prompts, load_prompts())
    language = manifest.collection.language
    embedder = services.embedder_for(manifest.collection)
    sparse = SparseEncoder(language)
    retriever = Retriever(services.index, embedder, manifest.collection.name, manifest.retrieval)
    scorer = EvidenceScorer(embedder, sparse, manifest.guards.abstention, language)
    generator = ExtractiveGenerator(embedder, language)
    interactions = InteractionRepository(services.database) if recorded else None
    return Answerer(release, retriever, scorer, generator, interactions)
