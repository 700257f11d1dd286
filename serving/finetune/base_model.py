"""The model that an adapter is trained on: a folder with config, tokenizer, chat template and safetensors weights.

Nothing in the folder is ever run, and nothing is fetched from anywhere.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.types import digest

_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
_HOW = "Name a folder as save_pretrained writes it: config.json, tokenizer.json and *.safetensors."


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A folder that was looked through. `digest` is of its weights, its config and its tokenizer."""

    folder: Path
    digest: str
    context_tokens: int


def find_base(folder: Path) -> BaseModel:
    """Look through the folder. Raises InputError for what cannot be tuned, or should not be trusted. Reads all of its
    files: seconds for each ten gigabytes."""
    config = _config(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = sorted(path.name for suffix in ("bin", "pt", "pth") for path in folder.glob(f"*.{suffix}"))
        reason = f"only {pickled[0]}, which can run code when it is read" if pickled else "no weights"
        raise InputError(f"{folder} holds {reason}.", hint="Use a model that is saved as *.safetensors.")
    if "auto_map" in config:
        raise InputError(
            f"The model in {folder} brings code of its own, which is never run.",
            hint="Use a model of an architecture that transformers knows.",
        )
    context = config.get("max_position_embeddings")
    if type(context) is not int or context < 1:
        raise InputError(f"{folder / 'config.json'} does not say how long a context is.", hint=_HOW)
    present = [folder / name for name in _FILES if (folder / name).is_file()]
    return BaseModel(folder, digest({path.name: _sha256(path) for path in (*present, *weights)}), context)


def load_tokenizer(base: BaseModel) -> Any:
    """The model's tokenizer (transformers'), which must have a chat template."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"The tokenizer in {base.folder} cannot be read: {str(error)[:300]}", hint=_HOW) from error
    if not tokenizer.chat_template:
        raise InputError(
            f"The tokenizer in {base.folder} has no chat template, so the model cannot be asked as a chat model.",
            hint="Use the instruction-tuned model of the family.",
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(base: BaseModel) -> Any:
    """The model (transformers'): bfloat16 on a GPU that has it, else float32."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(
            base.folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=weights_type()
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"The model in {base.folder} cannot be read: {str(error)[:300]}", hint=_HOW) from error


def weights_type() -> Any:
    """The type that weights are held in here."""
    import torch

    return torch.bfloat16 if has_bfloat16() else torch.float32


def has_bfloat16() -> bool:
    """Whether there is a GPU that computes in bfloat16."""
    import torch

    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())


def end_tokens(tokenizer: Any, model: Any) -> list[int]:
    """The tokens that end an answer, as the model server takes them."""
    named = getattr(model.generation_config, "eos_token_id", None)
    listed = named if isinstance(named, list) else [named]
    return sorted({token for token in (*listed, tokenizer.eos_token_id) if token is not None})


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no model in {folder}: it has no config.json.", hint=_HOW) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint=_HOW) from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is not a JSON object.", hint=_HOW)
    return config


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
