"""The embedders and the index of a process. Imports no more than what they need."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.errors import CollectionMismatchError, SettingsError
from core.ports import Embedder, VectorIndex
from core.settings import Settings
from core.storage.embedders import EmbedderRepository, RegisteredEmbedder
from core.types import CollectionSpec
from retrieval.embedders.model import EmbeddingModel, locate_model

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def open_embedder(settings: Settings) -> Embedder:
    """The embedder for `settings.embedder`. Raises SettingsError when the model does not exist, and as `open_model`."""
    return open_model(settings, locate_model(settings.embedder, settings.home / "models"))


def open_model(settings: Settings, model: EmbeddingModel) -> Embedder:
    """The model, ready to embed. The first call on a machine converts it, which takes about 15 s.

    `auto` takes torch where it can use a GPU or where the converter does not know the model, else OpenVINO. Raises
    SettingsError when the backend asked for cannot run the model.
    """
    if _backend(settings, model) == "torch":
        from retrieval.embedders.sentence_transformer_embedder import SentenceTransformerEmbedder

        return SentenceTransformerEmbedder(model)
    return _openvino(model, (settings.home / "models").resolve())


@lru_cache(maxsize=2)  # an index's, and that of the one that is built in its place
def _openvino(model: EmbeddingModel, models_folder: Path) -> Embedder:
    """Compiled once in a process: what builds an index in a process that answers takes the one that is there."""
    from retrieval.embedders.openvino_embedder import OpenVinoEmbedder

    return OpenVinoEmbedder(model, models_folder)


class Embedders:
    """The embedders of one process: each is loaded when it is first needed, once, and registered with its place, so
    that what it has made stays readable when the settings name another one. Safe to use from many threads."""

    def __init__(
        self,
        settings: Settings,
        registry: EmbedderRepository,
        opener: Callable[[Settings, EmbeddingModel], Embedder] = open_model,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._opener = opener
        self._loaded: dict[str, Embedder] = {}
        self._loading = threading.Lock()

    def add(self, embedder: Embedder) -> None:
        """Use this one for what it has made, instead of loading it."""
        self._loaded[embedder.fingerprint] = embedder

    def of(self, spec: CollectionSpec) -> Embedder:
        """The embedder that made the collection. Raises CollectionMismatchError when it is not to be had here."""
        return self._loaded.get(spec.embedder_fingerprint) or self.load(self.model_of(spec))

    def load(self, model: EmbeddingModel) -> Embedder:
        """The model, ready to embed, and registered."""
        with self._loading:
            if model.fingerprint not in self._loaded:
                self._loaded[model.fingerprint] = self._opener(self._settings, model)
                self._registry.save(RegisteredEmbedder(model.fingerprint, model.name, model.location))
            return self._loaded[model.fingerprint]

    def model_of(self, spec: CollectionSpec) -> EmbeddingModel:
        """The model that made the collection, from where it is registered or where the settings say. Loads nothing.

        Raises CollectionMismatchError when it is in neither place, or is not what it was.
        """
        registered = self._registry.get(spec.embedder_fingerprint)
        if registered is None:
            model = self.named(self._settings.embedder)
            if model.fingerprint == spec.embedder_fingerprint:
                return model
            raise _unknown_embedder(spec, model)
        for place in dict.fromkeys((registered.location, self._settings.embedder)):
            with suppress(SettingsError):
                model = self.named(place)
                if model.fingerprint == spec.embedder_fingerprint:
                    return model
        raise _changed_embedder(spec, registered)

    def named(self, embedder: str) -> EmbeddingModel:
        """The model that is meant by the bundled one's name, a folder, or the name of a registered one. Raises
        SettingsError when there is none."""
        try:
            return locate_model(embedder, self._settings.home / "models")
        except SettingsError:
            known = [one.location for one in self._registry.all() if one.name == embedder]
            if not known or embedder in known:
                raise
            return locate_model(known[0], self._settings.home / "models")


def open_index(settings: Settings) -> VectorIndex:
    """The Qdrant server of `settings.qdrant_url`, else the embedded index in the home folder."""
    if settings.qdrant_url is not None:
        from retrieval.indexes.server import ServerIndex

        key = settings.qdrant_api_key
        return ServerIndex.connect(settings.qdrant_url, key.get_secret_value() if key else None)
    from retrieval.indexes.edge import EdgeIndex

    return EdgeIndex(settings.home / "index")


def _backend(settings: Settings, model: EmbeddingModel) -> Literal["openvino", "torch"]:
    if settings.embedder_backend == "openvino" and not model.convertible:
        raise SettingsError(
            f"OpenVINO cannot run {model.name}: only mean or CLS pooling without further layers is converted.",
            hint="Set RAGLOOP_EMBEDDER_BACKEND to auto or torch.",
        )
    if settings.embedder_backend != "auto":
        return settings.embedder_backend
    return "torch" if _has_cuda() or not model.convertible else "openvino"


def _has_cuda() -> bool:
    """Whether there is an NVIDIA driver and a torch built for it, told without importing torch."""
    if not _NVIDIA_DRIVER.exists():
        return False
    spec = importlib.util.find_spec("torch")
    folders = spec.submodule_search_locations if spec is not None else None
    return any(Path(folder, "lib", "libtorch_cuda.so").exists() for folder in folders or ())


def _unknown_embedder(spec: CollectionSpec, own: EmbeddingModel) -> CollectionMismatchError:
    return CollectionMismatchError(
        f"The collection {spec.name} was made by the embedder {spec.embedder} ({spec.embedder_fingerprint[:8]}), and "
        f"where that lies is not known; RAGLOOP_EMBEDDER is {own.name} ({own.fingerprint[:8]}).",
        hint=f"Set RAGLOOP_EMBEDDER to {spec.embedder} once: from then on its place is known.",
    )


def _changed_embedder(spec: CollectionSpec, registered: RegisteredEmbedder) -> CollectionMismatchError:
    return CollectionMismatchError(
        f"The embedder {spec.embedder} that made the collection {spec.name} is no longer in {registered.location}: "
        "it was moved, or its weights, tokenizer or settings have changed.",
        hint="Put its files back as they were, set RAGLOOP_EMBEDDER to where they are now, or make a new index: "
        "ragloop index rebuild --embedder FOLDER.",
    )
