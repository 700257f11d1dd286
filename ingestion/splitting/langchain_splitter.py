"""Any LangChain text splitter as a Splitter."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from core.types import Chunk, Document, digest
from ingestion.splitting.located import located_chunks

if TYPE_CHECKING:
    from langchain_text_splitters import TextSplitter


@dataclass
class LangChainSplitter:
    """`name` says what the splitter is and how it is set, such as "recursive-1000": the fingerprint rests on it."""

    splitter: TextSplitter
    name: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        self.fingerprint = digest(["langchain", self.name, version("langchain-text-splitters")])

    def split(self, document: Document) -> list[Chunk]:
        """Raises RagloopError when the splitter does not keep the text as it is."""
        return located_chunks(document, self.splitter.split_text(document.text), self.name)
