"""Our Retriever inside LangChain and LlamaIndex, with the frameworks themselves."""

from __future__ import annotations

import pytest

from core.release import RetrievalParameters
from core.types import AccessScope
from retrieval.retriever import Retriever
from tests.fakes import FakeEmbedder, InMemoryIndex
from tests.support.indexed_documents import embedded, spec_for

QUESTION = "how long is parental leave"


@pytest.fixture
def retriever() -> Retriever:
    index = InMemoryIndex()
    index.ensure(spec_for())
    documents = [
        embedded("s/leave", ["introduction", "parental leave lasts sixteen weeks"]),
        embedded("s/pay", ["pay during parental leave"], access=("hr",)),
    ]
    index.commit(spec_for().name, documents, [])
    return Retriever(index, FakeEmbedder(), spec_for().name, RetrievalParameters())


def test_langchain_gets_documents_with_their_place_and_only_those_in_scope(retriever: Retriever) -> None:
    from retrieval.langchain_retriever import LangChainRetriever

    documents = LangChainRetriever(retriever=retriever, scope=AccessScope.of("public")).invoke(QUESTION)
    expected = retriever.retrieve(QUESTION, AccessScope.of("public")).passages
    assert [document.id for document in documents] == [passage.chunk.id for passage in expected]
    assert documents[0].page_content == "parental leave lasts sixteen weeks"
    assert documents[0].metadata["uri"] == "s/leave"
    assert documents[0].metadata["page"] == 2
    assert documents[0].metadata["scores"]["fused"] == documents[0].metadata["score"]


async def test_langchain_chains_can_await_it(retriever: Retriever) -> None:
    from langchain_core.runnables import RunnableLambda

    from retrieval.langchain_retriever import LangChainRetriever

    chain = LangChainRetriever(retriever=retriever, scope=AccessScope.everything(), top_k=1) | RunnableLambda(len)
    assert await chain.ainvoke(QUESTION) == 1


def test_llama_index_gets_scored_nodes_with_their_place_and_only_those_in_scope(retriever: Retriever) -> None:
    from retrieval.llama_index_retriever import LlamaIndexRetriever

    nodes = LlamaIndexRetriever(retriever, AccessScope.of("public")).retrieve(QUESTION)
    expected = retriever.retrieve(QUESTION, AccessScope.of("public")).passages
    assert [node.node.node_id for node in nodes] == [passage.chunk.id for passage in expected]
    assert [node.score for node in nodes] == [passage.score for passage in expected]
    assert nodes[0].node.get_content() == "parental leave lasts sixteen weeks"
    assert nodes[0].node.metadata["uri"] == "s/leave"
