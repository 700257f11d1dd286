"""What a safetensors file says of itself, read without a model library and without running anything from the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import AdapterError

# The bits of a number's exponent: all of them set means infinity or not a number. Other types hold no adapter.
_EXPONENTS = {"F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}
_DAMAGED = "Copy it again, or export it again with PEFT's save_pretrained."


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's place in its file: `start` counts bytes from the file's beginning."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a safetensors file, by name. Raises AdapterError for a file that is damaged or of another kind."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass  # it has checked that the header fits the file: every byte of it in one tensor
    except (SafetensorError, OSError, ValueError) as error:
        raise AdapterError(f"{path.name} is not a sound safetensors file: {error}", hint=_DAMAGED) from error
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    return {name: _tensor(entry, 8 + size) for name, entry in header.items() if name != "__metadata__"}


def _tensor(entry: Mapping[str, object], data: int) -> Tensor:
    start, end = (int(offset) for offset in entry["data_offsets"])  # type: ignore[attr-defined]
    shape = tuple(int(size) for size in entry["shape"])  # type: ignore[attr-defined]
    return Tensor(str(entry["dtype"]), shape, data + start, data + end)


def require_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raises AdapterError if a tensor holds anything but finite numbers of 16 or 32 bits."""
    import numpy as np

    for name, tensor in tensors.items():
        if tensor.dtype not in _EXPONENTS:
            raise AdapterError(
                f"{path.name}: {name} holds {tensor.dtype}; only {', '.join(_EXPONENTS)} are served.",
                hint="Convert the adapter's weights to one of these.",
            )
        kind, exponent = _EXPONENTS[tensor.dtype]
        count = (tensor.end - tensor.start) // np.dtype(kind).itemsize
        numbers = np.memmap(path, dtype=kind, mode="r", offset=tensor.start, shape=(count,))
        if bool(np.any((numbers & exponent) == exponent)):
            raise AdapterError(
                f"{path.name}: {name} holds numbers that are not finite.",
                hint="The training diverged: train again with a lower learning rate.",
            )


def base_shapes(folder: Path) -> Mapping[str, tuple[int, ...]]:
    """The shape of every tensor of the model in `folder`, by name. Raises AdapterError if there is no model."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise AdapterError(
            f"There are no *.safetensors in {folder}, so no base model to compare the adapter with.",
            hint="Name the base model's own folder.",
        )
    return {name: tensor.shape for file in files for name, tensor in read_header(file).items()}
