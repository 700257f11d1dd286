"""Any LlamaIndex node parser as a Splitter."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from core.types import Chunk, Document, digest
from ingestion.splitting.located import located_chunks

if TYPE_CHECKING:
    from llama_index.core.node_parser import NodeParser


@dataclass
class LlamaIndexSplitter:
    """`name` says what the parser is and how it is set, such as "sentence-512": the fingerprint rests on it."""

    parser: NodeParser
    name: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        self.fingerprint = digest(["llama-index", self.name, version("llama-index-core")])

    def split(self, document: Document) -> list[Chunk]:
        """Raises RagloopError when the parser does not keep the text as it is."""
        from llama_index.core.schema import Document as LlamaDocument
        from llama_index.core.schema import MetadataMode, TextNode

        nodes = self.parser.get_nodes_from_documents([LlamaDocument(text=document.text, id_=document.id)])
        pieces = (node.get_content(MetadataMode.NONE) for node in nodes if isinstance(node, TextNode))
        return located_chunks(document, pieces, self.name)
