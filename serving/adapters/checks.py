"""What an adapter must be before it is kept: two files of known kinds that hold a LoRA adapter and nothing else.

Everything about it is somebody else's word: the files are read as data, and no name in them is followed anywhere.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import AdapterError
from serving.adapters.weights import Tensor, base_shapes, read_header, require_finite

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
FACTS = "ragloop.json"
TRAINING = "training.jsonl"
# What may lie in a folder that is added; PEFT writes the README, which is not kept.
ALLOWED = frozenset({CONFIG, WEIGHTS, FACTS, TRAINING, "README.md"})
# Bytes. A rank-512 adapter of every layer of a 70-billion-parameter model has about 6 GB; the conversations that were
# trained on are those of at most 200,000 rows.
LIMITS = {CONFIG: 1 << 20, WEIGHTS: 8 << 30, FACTS: 32 << 20, TRAINING: 1 << 30}
# vLLM's own ceiling. A server may have a lower one (--max-lora-rank) and then says so when it is given the adapter.
MAX_RANK = 512

# How PEFT can change a model beyond adding B·A to a matrix. vLLM refuses these, or would serve something else.
_UNSERVED = (
    "use_dora", "lora_bias", "modules_to_save", "layer_replication", "alora_invocation_tokens", "use_qalora",
    "use_bdlora", "trainable_token_indices", "target_parameters", "megatron_config",
)  # fmt: skip
_MODULE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_PAIR = re.compile(r"base_model\.model\.(?P<module>[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\.lora_(?P<side>[AB])\.weight")
_EXPORT = "Export the adapter with PEFT's save_pretrained into a folder of its own."


def require_files(folder: Path) -> None:
    """Raises AdapterError unless the folder holds an adapter's files, plain, small enough, and no other."""
    if not folder.is_dir():
        raise AdapterError(f"There is no folder {folder}.", hint="Name the folder that holds adapter_config.json.")
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise AdapterError(f"{path.name} is not a plain file.", hint=_EXPORT)
        if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"):
            raise AdapterError(
                f"{path.name} is pickled, which can run code when it is read.",
                hint="Save the adapter with safetensors (PEFT's default) and leave this file out.",
            )
        if path.name not in ALLOWED:
            raise AdapterError(f"{path.name[:100]!r} does not belong to an adapter.", hint=_only())
        if path.stat().st_size > LIMITS.get(path.name, LIMITS[CONFIG]):
            raise AdapterError(f"{path.name} is too large: {path.stat().st_size:,} bytes.", hint=_EXPORT)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).exists():
            raise AdapterError(f"{folder} has no {name}.", hint=_EXPORT)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises AdapterError if there is anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AdapterError(f"{path.name} is not JSON: {error}", hint=_EXPORT) from error
    if not isinstance(content, dict):
        raise AdapterError(f"{path.name} is not a JSON object.", hint=_EXPORT)
    return content


def check_config(config: Mapping[str, Any]) -> int:
    """The rank that adapter_config.json states. Raises AdapterError for what could not be served as it was trained."""
    if config.get("peft_type") != "LORA":
        raise AdapterError(
            f"{CONFIG}: peft_type is {config.get('peft_type')!r:.50}; only LORA is served.", hint="Train a LoRA."
        )
    rank, alpha, modules = config.get("r"), config.get("lora_alpha"), config.get("target_modules")
    if type(rank) is not int or rank < 1:
        raise AdapterError(f"{CONFIG}: r is no rank: {rank!r:.50}.", hint=_EXPORT)
    _require_rank(rank)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
        raise AdapterError(f"{CONFIG}: lora_alpha is no positive number: {alpha!r:.50}.", hint=_EXPORT)
    if not isinstance(modules, list) or not modules or not all(_is_module(name) for name in modules):
        raise AdapterError(f"{CONFIG}: target_modules is not a list of modules' names.", hint=_EXPORT)
    if config.get("bias", "none") != "none":
        raise AdapterError(
            f"{CONFIG}: bias is {config['bias']!r:.50}; biases are not served.", hint='Train with bias="none".'
        )
    for name in (*_UNSERVED, "rank_pattern", "alpha_pattern"):
        if config.get(name):
            raise AdapterError(f"{CONFIG}: {name} is set, which is not served.", hint=f"Train without {name}.")
    return rank


def check_weights(path: Path, rank: int) -> Mapping[str, tuple[int, int]]:
    """`module_shapes` of a file in which every number was looked at. Raises AdapterError if one is not finite."""
    tensors = read_header(path)
    shapes = module_shapes(path.name, tensors, rank)
    require_finite(path, tensors)
    return shapes


def module_shapes(file: str, tensors: Mapping[str, Tensor], rank: int) -> Mapping[str, tuple[int, int]]:
    """What the adapter adds to: (outputs, inputs) of each module, by name. Raises AdapterError unless the tensors are
    pairs of matrices of that rank."""
    pairs: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        match = _PAIR.fullmatch(name)
        if match is None or len(tensor.shape) != 2 or 0 in tensor.shape:
            raise AdapterError(f"{file}: {name[:100]!r} is no matrix of a LoRA adapter.", hint=_EXPORT)
        pairs[match["module"]][match["side"]] = tensor
    if not pairs:
        raise AdapterError(f"{file} holds nothing.", hint=_EXPORT)
    return {module: _pair_shape(file, module, pair, rank) for module, pair in pairs.items()}


def check_base(modules: Mapping[str, tuple[int, int]], base: Path) -> None:
    """Raises AdapterError if a module is a matrix of another shape in the model in the folder `base`, or is there in
    other layers only. Matrices that the model stores under other names, as quantised ones are, cannot be compared."""
    shapes = base_shapes(base)
    layered = {_without_numbers(name) for name in shapes}
    for module, wanted in modules.items():
        found = shapes.get(name := f"{module}.weight")
        if found == wanted or (found is None and _without_numbers(name) not in layered):
            continue
        has = "has no such layer" if found is None else f"has it as {_times(found)}"
        raise AdapterError(
            f"The adapter was trained on another base model: it adds to {module} as {_times(wanted)}, and {base.name} "
            f"{has}.",
            hint="Serve the model that it was trained on, or train it on this one.",
        )


def _pair_shape(file: str, module: str, pair: Mapping[str, Tensor], rank: int) -> tuple[int, int]:
    if len(pair) != 2:
        raise AdapterError(f"{file}: {module} has only one of lora_A and lora_B.", hint=_EXPORT)
    (inner_a, inputs), (outputs, inner_b) = pair["A"].shape, pair["B"].shape
    if inner_a != rank or inner_b != rank:
        raise AdapterError(
            f"{file}: {module} is of rank {inner_a} by {inner_b}, and {CONFIG} says {rank}.",
            hint="These two files are not of one adapter. " + _EXPORT,
        )
    return outputs, inputs


def _require_rank(rank: int) -> None:
    if rank > MAX_RANK:
        raise AdapterError(
            f"The adapter has rank {rank:,}; vLLM serves at most {MAX_RANK}.", hint="Train it again with a lower rank."
        )


def _is_module(name: object) -> bool:
    return isinstance(name, str) and len(name) <= 200 and _MODULE.fullmatch(name) is not None


def _only() -> str:
    return f"Copy {CONFIG} and {WEIGHTS} into a folder of their own, and add that."


def _without_numbers(name: str) -> str:
    return re.sub(r"\.\d+(?=\.)", ".#", name)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)
