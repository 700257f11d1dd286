"""Our Retriever as a LlamaIndex retriever, for query engines and agents written with that framework.

LlamaIndexRetriever(retriever, AccessScope.of("public")).retrieve("How long is parental leave?")
"""

from __future__ import annotations

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from core.types import AccessScope
from retrieval.framework_metadata import metadata_of
from retrieval.retriever import Retriever


class LlamaIndexRetriever(BaseRetriever):  # type: ignore[misc]
    """Returns passages as scored nodes, best first; the node's id is the chunk's. Raises what Retriever raises."""

    def __init__(self, retriever: Retriever, scope: AccessScope, top_k: int | None = None) -> None:
        super().__init__()
        self._retriever = retriever
        self._scope = scope
        self._top_k = top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        retrieval = self._retriever.retrieve(query_bundle.query_str, self._scope, self._top_k)
        return [
            NodeWithScore(
                node=TextNode(id_=passage.chunk.id, text=passage.chunk.text, metadata=metadata_of(passage)),
                score=passage.score,
            )
            for passage in retrieval.passages
        ]
