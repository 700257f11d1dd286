"""Embeddings of the texts of many rows: each distinct text is embedded once, a bounded number of them is kept."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from core.ports import Embedder
from core.types import Vector

# Vectors kept: 6 MB of the default model's. Metrics that look at the same answers find them here.
_KEPT = 4096
# Texts handed to the embedder in one call.
_BATCH = 512


class Meanings:
    """Vectors by text, made when they are first asked for. Safe to share between tasks and threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """The embedder's."""
        return self._embedder.fingerprint

    async def of(self, texts: Sequence[str]) -> dict[str, Vector]:
        """The vector of each text, made off the event loop."""
        return await asyncio.to_thread(self._of, list(dict.fromkeys(texts)))

    def _of(self, texts: Sequence[str]) -> dict[str, Vector]:
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
            missing = [text for text in texts if text not in found]
            for start in range(0, len(missing), _BATCH):
                part = missing[start : start + _BATCH]
                found.update(zip(part, self._embedder.embed(part), strict=True))
            for text in texts:
                self._kept[text] = found[text]
                self._kept.move_to_end(text)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return found


def cosine(left: Vector, right: Vector) -> float:
    """Cosine of two unit vectors, with negative values counted as 0: a share."""
    return float(np.clip(left @ right, 0.0, 1.0))
