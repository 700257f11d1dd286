"""A model in one GGUF file, as llama.cpp packs it, made into a folder that vLLM serves and `ragloop tune` tunes."""

from __future__ import annotations

import hashlib
import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.errors import InputError, UnavailableError
from serving.finetune.base_model import quiet
from serving.finetune.model_folder import new_model_folder, require_new

_MAGIC = b"GGUF"
_SOURCE = "source.json"

# What the libraries raise for a file that is cut off, damaged, or claims more than it holds.
_UNREADABLE = (
    *(OSError, EOFError, MemoryError, OverflowError, struct.error),
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, NotImplementedError),
)


def convert(file: Path, folder: Path, *, sha256: str | None = None) -> bool:
    """Write the model of the file to `folder`, which appears when it is whole: its weights unpacked to float32, its
    tokenizer and its chat template. False if the folder was made of the same file before.

    Raises InputError: for a file that is no GGUF, has another `sha256` than was asked for, is of an architecture that
    transformers does not know, or has no chat template; and for a folder that holds something else. UnavailableError
    where the libraries for it are not installed.
    """
    known = _sha256(file)
    if sha256 is not None and known != sha256.lower():
        raise InputError(
            f"{file.name} is not the file that was asked for: its SHA-256 is {known}.",
            hint="It is damaged, or another version. Get it anew, or leave out --sha256 if you trust it.",
        )
    if _made_of(folder) == known:
        return False
    require_new(folder)
    tokenizer, model = _read(file)
    with new_model_folder(folder) as unfinished, quiet():
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        (unfinished / _SOURCE).write_text(json.dumps({"file": file.name, "sha256": known}) + "\n", encoding="utf-8")
    return True


def _read(file: Path) -> tuple[Any, Any]:
    for library in ("accelerate", "gguf"):  # transformers' own needs for such files
        if find_spec(library) is None:
            raise UnavailableError(
                f"Converting a model needs {library}, which is not installed here.", hint="pip install 'ragloop[tune]'"
            )
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(file.parent, **where)
            model = AutoModelForCausalLM.from_pretrained(
                file.parent, **where, quantization_config=GgufConfig(dequantize=True), dtype="float32"
            )
    except _UNREADABLE as error:
        raise InputError(
            f"The model in {file.name} cannot be read: {str(error)[:300]}",
            hint="Use a model of an architecture that transformers reads from GGUF, such as Llama, Qwen2 or Gemma.",
        ) from error
    if not tokenizer.chat_template:
        raise InputError(
            f"The model in {file.name} has no chat template, so it cannot be asked as a chat model.",
            hint="Use the instruction-tuned model of the family.",
        )
    # The weights are unpacked: without these the folder would say that they are not.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return tokenizer, model


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as source:
            if source.read(len(_MAGIC)) != _MAGIC:
                raise InputError(f"{file.name} is no GGUF file.", hint="Folders of a model need no conversion.")
            source.seek(0)
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from error


def _made_of(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _SOURCE).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
