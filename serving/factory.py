"""Putting the serving side together from settings: what a process needs to answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from core.errors import CollectionMismatchError
from core.ports import Embedder, Generator, VectorIndex
from core.release import CollectionRef, Release, ReleaseManifest
from core.settings import Settings
from core.storage.database import Database
from core.storage.embedders import EmbedderRepository
from core.storage.interactions import InteractionRepository
from core.storage.releases import ReleaseRepository
from core.types import CollectionSpec
from retrieval.factory import Embedders, open_index
from retrieval.language_fit import fitted_weights
from retrieval.question_map import QuestionMap
from retrieval.question_map_files import FOLDER, QuestionMapFiles
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.adapters.servers import open_model_servers
from serving.answerer import Answerer
from serving.extractive import ExtractiveGenerator
from serving.fallback import FallbackGenerator
from serving.grounding.evidence import EvidenceScorer
from serving.llm.client import check_sampling
from serving.llm.condenser import Condenser
from serving.llm.endpoint import ModelEndpoint
from serving.llm.generator import LLMGenerator
from serving.prompts.ledger import ReleasePrompts
from serving.prompts.template import ANSWER, PromptTemplate

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
        self.model_servers = open_model_servers(settings)
        self._endpoint: ModelEndpoint | None = None
        self._opening_endpoint = threading.Lock()
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

    @property
    def question_maps(self) -> QuestionMapFiles:
        """What votes taught about questions."""
        return QuestionMapFiles(self.settings.home / FOLDER)

    def question_map(self, manifest: ReleaseManifest) -> QuestionMap | None:
        """The map that the release names, if it does. Raises ConflictError where it cannot be used, and as
        `embedder_for`."""
        name = manifest.retrieval.question_map
        return self.question_maps.get(name, self.embedder_for(manifest.collection)) if name else None

    def language_weights(self, spec: CollectionSpec, dense_weight: float | None = None) -> dict[str, float]:
        """The dense leg's share for the languages of a collection that should have another than `dense_weight`, by
        default the settings'. Raises as `embedder_for`."""
        default = self.settings.dense_weight if dense_weight is None else dense_weight
        return fitted_weights(self.index, spec.name, lambda: self._embedders.of(spec), default)

    def answering_embedder(self) -> Embedder:
        """The champion's embedder; before there is one, the settings'. Raises as `embedder_for`."""
        champion = ReleaseRepository(self.database).champion()
        return self.embedder_for(champion.manifest.collection) if champion else self.embedder

    @property
    def model_endpoint(self) -> ModelEndpoint:
        """Where releases of kind llm are answered; all of them share its limits. Raises SettingsError if there is
        none."""
        with self._opening_endpoint:
            if self._endpoint is None:
                self._endpoint = ModelEndpoint(self.settings)
            return self._endpoint

    def warm_up(self) -> None:
        """Load what answers, which takes seconds: better now than in someone's question."""
        if self.settings.model_url is not None:
            self.model_endpoint.warm_up()
        try:
            self.answering_embedder().embed(["ready"])
        except CollectionMismatchError as error:
            # Every question will be told so; another release may be promoted meanwhile.
            logger.error("%s %s", error.message, error.hint)

    def close(self) -> None:
        self.index.close()
        self.database.close()
        if self.model_servers is not None:
            self.model_servers.close()

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_services(settings: Settings) -> Services:
    """Open the database and the index that `settings` name."""
    return Services(settings, Database.open(settings), open_index(settings))


def build_answerer(services: Services, release: Release, *, recorded: bool = True) -> Answerer:
    """The Answerer of one release; unless `recorded`, its answers leave no record.

    Where answers are recorded, the extractive generator stands in for a model that is down. Where they are not, in
    evaluations and before a promotion, nothing does: an outage must not be taken for what the release is like.
    Raises CollectionMismatchError, ConflictError or NotFoundError if its embedder, its question map or its prompts are
    not to be had here, SettingsError
    or InputError if its model cannot be asked. Its collection is looked for with the first question.
    """
    manifest = release.manifest
    release_prompts = ReleasePrompts(services.settings, services.database)
    prompts = release_prompts.templates(manifest.prompts)
    language = manifest.collection.language
    embedder = services.embedder_for(manifest.collection)
    sparse = SparseEncoder.of(manifest.collection)
    taught = services.question_map(manifest)
    retriever = Retriever(services.index, embedder, manifest.collection.name, manifest.retrieval, taught)
    scorer = EvidenceScorer(embedder, sparse, manifest.guards.abstention, language, manifest.reading)
    generator: Generator = ExtractiveGenerator(embedder, language, whole=manifest.reading.whole)
    query_writer = None
    if manifest.generator.kind == "llm":
        model, query_writer = _model(services, manifest, prompts)
        generator = FallbackGenerator(model, generator) if recorded else model
    interactions = InteractionRepository(services.database) if recorded else None
    origin = release_prompts.origin(ANSWER, manifest.prompts[ANSWER]) if recorded else None
    prices = services.settings.prices
    return Answerer(
        release,
        retriever,
        scorer,
        generator,
        interactions,
        query_writer=query_writer,
        prices=prices,
        prompt_origin=origin,
    )


def _model(
    services: Services, manifest: ReleaseManifest, prompts: Mapping[str, PromptTemplate]
) -> tuple[LLMGenerator, Condenser | None]:
    """What writes the answers of a release of kind llm, and what rewrites its follow-up questions."""
    spec, language = manifest.generator, manifest.collection.language
    check_sampling(spec.sampling)
    endpoint, servers = services.model_endpoint, services.model_servers
    guarded = manifest.guards.prompt_guard
    generator = LLMGenerator(endpoint, spec, prompts[ANSWER], servers, language, guarded=guarded)
    condense = prompts.get("condense")
    return generator, Condenser(endpoint, spec, condense, servers, language) if condense else None
