"""LlamaIndex's, LangChain's and Haystack's way from a folder of markdown files into a vector store in memory.

Each reads the files, splits them with the splitter that its handbook begins with, and embeds the chunks with what it is
handed. None of them writes anything to a disk, converts in a process of its own, or makes a BM25 index. A library that
is not installed is left out; Haystack is not among RAGLoop's.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Encode = Callable[[Sequence[str]], list[list[float]]]
"""The vectors of texts."""
Rival = Callable[[Sequence[Path], Encode, bool], int]
"""Files, embedder, and whether chunks are to be as small as RAGLoop's instead of the default. Returns their number."""

# In the embedder's tokens RAGLoop's chunks have at most 200, of which English prose makes about 800 characters and 140
# words.
_TOKENS, _CHARACTERS, _WORDS = 200, 800, 140


def prepare_llama_index() -> None:
    """Give it the sentence splitter that it would make for itself. It reads a list of stop words at the same time, and
    nltk refuses to where the installer has linked that file instead of copying it."""
    from llama_index.core.utils import globals_helper
    from nltk.tokenize import PunktSentenceTokenizer  # type: ignore[import-untyped]

    globals_helper._punkt_tokenizer = PunktSentenceTokenizer()


def llama_index(files: Sequence[Path], encode: Encode, small: bool) -> int:
    from llama_index.core import Document
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.vector_stores import SimpleVectorStore

    class Encoder(BaseEmbedding):
        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return encode(texts)

        def _get_text_embedding(self, text: str) -> list[float]:
            return encode([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return encode([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return encode([query])[0]

    prepare_llama_index()
    splitter = SentenceSplitter(chunk_size=_TOKENS, chunk_overlap=0) if small else SentenceSplitter()
    store = SimpleVectorStore()
    pipeline = IngestionPipeline(transformations=[splitter, Encoder()], vector_store=store)
    return len(pipeline.run(documents=[Document(text=file.read_text(), id_=str(file)) for file in files]))


def langchain(files: Sequence[Path], encode: Encode, small: bool) -> int:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    class Encoder(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return encode(texts)

        def embed_query(self, text: str) -> list[float]:
            return encode([text])[0]

    splitter = (
        RecursiveCharacterTextSplitter(chunk_size=_CHARACTERS, chunk_overlap=0)
        if small
        else RecursiveCharacterTextSplitter()
    )
    read = [Document(page_content=file.read_text(), metadata={"source": str(file)}) for file in files]
    return len(InMemoryVectorStore(Encoder()).add_documents(splitter.split_documents(read)))


def haystack(files: Sequence[Path], encode: Encode, small: bool) -> int:
    from haystack import Document, Pipeline, component  # type: ignore[import-not-found]
    from haystack.components.converters import TextFileToDocument  # type: ignore[import-not-found]
    from haystack.components.preprocessors import DocumentSplitter  # type: ignore[import-not-found]
    from haystack.components.writers import DocumentWriter  # type: ignore[import-not-found]
    from haystack.document_stores.in_memory import InMemoryDocumentStore  # type: ignore[import-not-found]

    @component
    class Encoder:
        @component.output_types(documents=list[Document])
        def run(self, documents: list[Any]) -> dict[str, list[Any]]:
            for one, vector in zip(documents, encode([one.content for one in documents]), strict=True):
                one.embedding = vector
            return {"documents": documents}

    store = InMemoryDocumentStore()
    pipeline = Pipeline()
    pipeline.add_component("converter", TextFileToDocument())
    pipeline.add_component("splitter", DocumentSplitter(split_length=_WORDS) if small else DocumentSplitter())
    pipeline.add_component("encoder", Encoder())
    pipeline.add_component("writer", DocumentWriter(store))
    for first, second in (("converter", "splitter"), ("splitter", "encoder"), ("encoder", "writer")):
        pipeline.connect(first, second)
    pipeline.run({"converter": {"sources": list(files)}})
    return int(store.count_documents())


_RIVALS: dict[str, tuple[str, Rival]] = {
    "LlamaIndex": ("llama_index.core", llama_index),
    "LangChain": ("langchain_text_splitters", langchain),
    "Haystack": ("haystack", haystack),
}


def installed() -> dict[str, Rival]:
    """Those that can be imported here, by name."""
    return {name: rival for name, (module, rival) in _RIVALS.items() if _there(module)}


def sentence_transformers(model: Path) -> Encode:
    """The embedder that all three would be given for a local model."""
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(str(model), device="cpu")

    def encode(texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = loaded.encode(list(texts), show_progress_bar=False).tolist()
        return vectors

    return encode


def _there(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None and (
        importlib.util.find_spec(module) is not None
    )
