"""Embedding the texts of many rows at once, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from core.ports import Embedder
from core.types import Vector

# Texts handed to the embedder in one call: enough to sort by length, few enough to keep memory flat.
BATCH = 512


async def embed_distinct(embedder: Embedder, texts: Sequence[str]) -> dict[str, Vector]:
    """The vector of each text, every distinct text being embedded once, off the event loop."""
    distinct = list(dict.fromkeys(texts))
    return await asyncio.to_thread(_embed, embedder, distinct)


def _embed(embedder: Embedder, texts: Sequence[str]) -> dict[str, Vector]:
    vectors: dict[str, Vector] = {}
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        vectors.update(zip(part, embedder.embed(part), strict=True))
    return vectors


def cosine(left: Vector, right: Vector) -> float:
    """Cosine of two unit vectors, with negative values counted as 0: a share."""
    return float(np.clip(left @ right, 0.0, 1.0))
