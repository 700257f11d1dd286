"""An adapter merged into its base model: one folder with all the weights, for servers that take no adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.adapters.store import Adapter
from serving.finetune.base_model import BaseModel, load_model, load_tokenizer, quiet, weights_type
from serving.finetune.model_folder import new_model_folder, require_new


def merge(base: BaseModel, adapter: Adapter, target: Path) -> None:
    """Write the model with the adapter's weights added to `target`, which appears when it is whole.

    Added as exactly as this machine computes; written in the type that the base model's weights have.
    """
    from peft import PeftModel

    require_new(target)
    with quiet():
        model = PeftModel.from_pretrained(load_model(base), str(adapter.folder), use_safetensors=True)
    with new_model_folder(target) as unfinished:
        merged = model.merge_and_unload().to(_weights_type(base))
        merged.save_pretrained(unfinished, safe_serialization=True)
        load_tokenizer(base).save_pretrained(unfinished)


def _weights_type(base: BaseModel) -> Any:
    """The type that the config names, which the weights are in; else the one that they are held in here."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
    return config.dtype or weights_type()
