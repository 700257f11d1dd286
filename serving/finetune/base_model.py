"""The model that an adapter is trained on: a folder with config, tokenizer, chat template and safetensors weights.

Nothing in the folder is ever run, and nothing is fetched from anywhere.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
    config = _object(folder / "config.json")
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

    try:
        with quiet():
            return AutoModelForCausalLM.from_pretrained(
                base.folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=weights_type()
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"The model in {base.folder} cannot be read: {str(error)[:300]}", hint=_HOW) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the libraries say to their own users: bars for each of their steps, and names that will change."""
    import datasets
    from transformers.utils import logging

    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def weights_type() -> Any:
    """The type that weights are held in here."""
    import torch

    return torch.bfloat16 if has_bfloat16() else torch.float32


def has_bfloat16() -> bool:
    """Whether there is a GPU that computes in bfloat16."""
    import torch

    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())


def end_tokens(base: BaseModel, tokenizer: Any) -> list[int]:
    """The tokens that end an answer, as the model server takes them."""
    path = base.folder / "generation_config.json"
    named = _object(path).get("eos_token_id") if path.is_file() else None
    listed = named if isinstance(named, list) else [named]
    return sorted({token for token in (*listed, tokenizer.eos_token_id) if type(token) is int})


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no model in {path.parent}: it has no {path.name}.", hint=_HOW) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint=_HOW) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object.", hint=_HOW)
    return content


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
