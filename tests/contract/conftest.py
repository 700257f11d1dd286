"""What the contract suites share: every vector index, and the slower of the two real embedders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ports import Embedder, VectorIndex
from retrieval.embedders.model import EmbeddingModel
from tests.support.vector_indexes import IMPLEMENTATIONS, NAME, SPEC


@pytest.fixture(scope="session")
def sentence_transformer_embedder(bundled_model: EmbeddingModel) -> Embedder:
    from retrieval.embedders.sentence_transformer_embedder import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(bundled_model)


@pytest.fixture(params=IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS.keys())
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    index: VectorIndex = request.param(tmp_path / "index")
    index.drop(NAME)
    index.ensure(SPEC)
    yield index
    index.drop(NAME)
    index.close()
