"""What training changed, cut to a low rank: each matrix's change as two thin ones, everything else whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def cut(base: Mapping[str, Any], trained: Mapping[str, Any], rank: int) -> dict[str, Any]:
    """The changes in bf16: `name.left` (out, rank) and `name.right` (rank, in) for a matrix, `name` for a vector.

    What is not in `base` is kept as it is; what did not change is left out.
    """
    kept: dict[str, Any] = {}
    for name, value in trained.items():
        if name not in base:
            kept[name] = value.to(torch.bfloat16)
            continue
        change = value.float() - base[name].float()
        if not change.any():
            continue
        if change.ndim < 2 or min(change.shape) <= rank:
            kept[name] = change.to(torch.bfloat16)
            continue
        left, sizes, right = torch.linalg.svd(change, full_matrices=False)
        root = sizes[:rank].sqrt()
        kept[f"{name}.left"] = (left[:, :rank] * root).to(torch.bfloat16)
        kept[f"{name}.right"] = (root[:, None] * right[:rank]).to(torch.bfloat16)
    return kept


def joined(base: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that `cut` kept the changes of."""
    whole = {name: value.float() for name, value in base.items()}
    for name, value in kept.items():
        if name.endswith(".right"):
            continue
        matrix = name.removesuffix(".left")
        change = value.float() @ kept[f"{matrix}.right"].float() if name != matrix else value.float()
        whole[matrix] = whole[matrix] + change if matrix in whole else change
    return whole


def size(kept: Mapping[str, Any]) -> int:
    """Bytes."""
    return sum(value.numel() * value.element_size() for value in kept.values())
