"""The slower of the two real embedders, which only the contract compares."""

from __future__ import annotations

import pytest

from core.ports import Embedder
from retrieval.embedders.model import EmbeddingModel


@pytest.fixture(scope="session")
def sentence_transformer_embedder(bundled_model: EmbeddingModel) -> Embedder:
    from retrieval.embedders.sentence_transformer_embedder import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(bundled_model)
