"""Adapters of a real model that change its answers a little, each in a way of its own: made in no time, from a seed.

Training two adapters would take minutes. That they were not taught anything matters to nobody who loads, swaps or unloads
them; that their answers differ, word for word, shows which of them wrote an answer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from serving.adapters.store import AdapterStore
from serving.adapters.weights import base_shapes
from tests.support.adapters import lora_config, write_adapter

RANK = 4
# This changes an answer of the small model here and there, and leaves it able to quote and to cite.
SCALE = 0.009
_CHANGED = ("v_proj", "o_proj")


def random_adapter(store: AdapterStore, base: Path, seed: int, folder: Path, scale: float = SCALE) -> str:
    """The digest of an adapter of the model in the folder `base`, kept in the store. `folder` is for making it."""
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in base_shapes(base).items():
        module = name.removesuffix(".weight")
        if module.endswith(_CHANGED) and len(shape) == 2:
            outputs, inputs = shape
            place = f"base_model.model.{module}.lora_"
            tensors[f"{place}A.weight"] = random.normal(size=(RANK, inputs)).astype(np.float32)
            tensors[f"{place}B.weight"] = random.normal(size=(outputs, RANK), scale=scale).astype(np.float32)
    config = lora_config(RANK, lora_alpha=RANK, target_modules=list(_CHANGED))
    source = write_adapter(folder / f"adapter-{seed}", config=config, tensors=tensors)
    return store.add(source, base=base).digest
