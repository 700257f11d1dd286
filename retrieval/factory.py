"""The embedder and the index that the settings ask for. Imports no more than what they need."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

from core.errors import SettingsError
from core.ports import Embedder, VectorIndex
from core.settings import Settings
from retrieval.embedders.model import EmbeddingModel, locate_model

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def open_embedder(settings: Settings) -> Embedder:
    """The embedder for `settings.embedder`. The first call on a machine converts the model, which takes about 15 s.

    `auto` takes torch where it can use a GPU or where the converter does not know the model, else OpenVINO. Raises
    SettingsError when the model does not exist or the backend asked for cannot run it.
    """
    models_folder = settings.home / "models"
    model = locate_model(settings.embedder, models_folder)
    if _backend(settings, model) == "torch":
        from retrieval.embedders.sentence_transformer_embedder import SentenceTransformerEmbedder

        return SentenceTransformerEmbedder(model)
    from retrieval.embedders.openvino_embedder import OpenVinoEmbedder

    return OpenVinoEmbedder(model, models_folder)


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
