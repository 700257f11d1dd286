"""A second real embedding model, made on the spot: the bundled one with fewer of its layers."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from retrieval.embedders.model import BUNDLED, locate_model


def reduced_model(folder: Path, layers: int) -> Path:
    """A folder as sentence-transformers saves it, with the first `layers` of the bundled model's six."""
    from safetensors.numpy import load_file, save_file

    source = locate_model(BUNDLED, folder.parent / "models").folder
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.bin", "*.onnx", "__pycache__"))
    weights = load_file(source / "model.safetensors")
    kept = {name: value for name, value in weights.items() if _layer(name) < layers}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": layers}))
    return folder


def _layer(name: str) -> int:
    """The encoder layer that a weight belongs to; below all for the others."""
    found = re.search(r"encoder\.layer\.(\d+)\.", name)
    return int(found.group(1)) if found else -1
