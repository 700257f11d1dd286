"""An embedder that costs nothing, so that what remains is an ingestion's own work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core.types import Vector
from retrieval.embedders.model import EmbeddingModel


class CostlessEmbedder:
    """Stands in for the model whose tokenizer, dimensions and fingerprint it has: vectors are rows of a table."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.name, self.fingerprint = model.name, model.fingerprint
        self.dimensions, self.max_tokens = model.dimensions, model.max_tokens
        table = np.random.default_rng(7).normal(size=(4096, model.dimensions)).astype(np.float32)
        self._table: Vector = table / np.linalg.norm(table, axis=1, keepdims=True)

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        """Different texts have different vectors, as good as always."""
        if progress is not None:
            progress(len(texts))
        rows: Vector = self._table[[hash(text) % len(self._table) for text in texts]]
        return rows

    def embed_question(self, question: str) -> Vector:
        row: Vector = self.embed([question])[0]
        return row

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        raise NotImplementedError("Splitting has the tokenizer's file.")

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError("Splitting has the tokenizer's file.")
