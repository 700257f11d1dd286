"""A model's own tokenizer, without the library the model was made with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from retrieval.embedders.model import EmbeddingModel

Tokens = NDArray[np.int64]


class ModelTokenizer:
    """Counts, locates and encodes tokens. Safe to use from many threads: nothing changes after construction."""

    def __init__(self, model: EmbeddingModel) -> None:
        # The settings saved in tokenizer.json (128 tokens, fixed padding) are not the ones the model is used with.
        self._whole = Tokenizer.from_file(str(model.tokenizer_file))
        self._whole.no_truncation()
        self._whole.no_padding()
        self._limited = Tokenizer.from_file(str(model.tokenizer_file))
        self._limited.enable_truncation(model.max_tokens)
        self._limited.no_padding()
        padding = Tokenizer.from_file(str(model.tokenizer_file)).padding
        self._pad_id: int = padding["pad_id"] if padding else 0

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without special tokens and without truncation."""
        return [len(encoding) for encoding in self._whole.encode_batch_fast(list(texts), add_special_tokens=False)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) character span of each token of `text`."""
        return list(self._whole.encode(text, add_special_tokens=False).offsets)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's token ids with special tokens, cut to the model's limit."""
        return [encoding.ids for encoding in self._limited.encode_batch_fast(list(texts))]

    def batch(self, rows: Sequence[Sequence[int]]) -> tuple[Tokens, Tokens]:
        """Token ids and attention mask, both of shape (len(rows), longest row), padded on the right."""
        width = max(len(row) for row in rows)
        ids = np.full((len(rows), width), self._pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return ids, mask
