"""Our Retriever as a LangChain retriever, for chains and agents written with that framework.

LangChainRetriever(retriever=retriever, scope=AccessScope.of("public")).invoke("How long is parental leave?")
"""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from core.types import AccessScope
from retrieval.framework_metadata import metadata_of
from retrieval.retriever import Retriever


class LangChainRetriever(BaseRetriever):
    """Returns passages as documents, best first; the document's id is the chunk's. Raises what Retriever raises."""

    retriever: Retriever
    scope: AccessScope
    top_k: int | None = None

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        del run_manager  # the framework's own events suffice
        retrieval = self.retriever.retrieve(query, self.scope, self.top_k)
        return [
            Document(id=passage.chunk.id, page_content=passage.chunk.text, metadata=metadata_of(passage))
            for passage in retrieval.passages
        ]
