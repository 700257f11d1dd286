"""The embedder for GPUs, and for models that are not converted: sentence-transformers on torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core.types import Vector
from retrieval.embedders.model import EmbeddingModel
from retrieval.embedders.model_tokenizer import ModelTokenizer

_BATCH = 32
# Texts sorted by length and embedded between two reports of progress.
_WINDOW = 1024


class SentenceTransformerEmbedder:
    """Runs the model as its makers do, on a GPU if torch has one. Never asks a model hub. Safe from many threads."""

    def __init__(self, model: EmbeddingModel) -> None:
        from sentence_transformers import SentenceTransformer

        self.name = model.name
        self.fingerprint = model.fingerprint
        self.dimensions = model.dimensions
        self.max_tokens = model.max_tokens
        self._question_prompt = model.question_prompt
        self._document_prompt = model.document_prompt
        self._tokenizer = ModelTokenizer(model)
        self._model = SentenceTransformer(str(model.folder), local_files_only=True)

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        """Shape (len(texts), dimensions), float32, unit length, in the order given."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), _WINDOW):
            window = list(texts[start : start + _WINDOW])
            vectors[start : start + len(window)] = self._model.encode(
                window,
                prompt=self._document_prompt,
                batch_size=_BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            if progress is not None:
                progress(len(window))
        return vectors

    def embed_question(self, question: str) -> Vector:
        """Shape (dimensions,), float32, unit length."""
        vector: Vector = self._model.encode(
            question,
            prompt=self._question_prompt,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without the special tokens and without truncation."""
        return self._tokenizer.count(texts)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) character span of each token, without special tokens and without truncation."""
        return self._tokenizer.offsets(text)
