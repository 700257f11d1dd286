"""Any LlamaIndex reader as a source: what it loads is written to a folder, and read from there like any file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from core.errors import ConversionError, FailureKind, UnavailableError
from core.types import PUBLIC, LocalFile, SourceItem

if TYPE_CHECKING:
    from llama_index.core.readers.base import BaseReader
    from llama_index.core.schema import Document as LlamaDocument

# Where readers put a document's title, the most telling first.
_TITLE_KEYS = ("title", "page_title", "subject", "file_name")


class LlamaIndexSource:
    """Lists what `reader.load_data(**arguments)` gives, keeping the texts in `folder`.

    The URI is `<name>/<document id>`, so the reader must give a document the same id every time. The text is taken for
    markdown.
    """

    def __init__(
        self,
        name: str,
        reader: BaseReader,
        folder: Path,
        access: tuple[str, ...] = (PUBLIC,),
        **arguments: object,
    ) -> None:
        self.name = name
        self.root = f"{type(reader).__name__} of LlamaIndex"
        self.access = access
        self._reader = reader
        self._folder = folder
        self._arguments = arguments

    @property
    def skipped(self) -> Mapping[str, int]:
        return {}

    def list(self) -> Iterator[SourceItem]:
        """Loads every document. Raises UnavailableError when the reader fails, whatever it fails with."""
        try:
            documents = self._reader.load_data(**self._arguments)
        except Exception as error:
            raise UnavailableError(
                f"{self.root} could not load the documents: {type(error).__name__}: {error}.",
                hint="Check the reader's connection and credentials.",
            ) from error
        self._folder.mkdir(parents=True, exist_ok=True)
        return iter(sorted((self._keep(document) for document in documents), key=lambda item: item.uri))

    def fetch(self, item: SourceItem) -> LocalFile:
        path = self._path(item.uri)
        if not path.exists():
            raise ConversionError(FailureKind.UNREADABLE, "It is no longer among the loaded documents.")
        return LocalFile(path, path.name)

    def _keep(self, document: LlamaDocument) -> SourceItem:
        uri = f"{self.name}/{quote(document.doc_id, safe='/ ')}"
        title = next((str(document.metadata[key]) for key in _TITLE_KEYS if document.metadata.get(key)), "")
        # A JSON string is a YAML string; front matter is where a markdown file has its title.
        header = f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n\n" if title else ""
        content = f"{header}{document.text}".encode("utf-8", "replace")
        self._path(uri).write_bytes(content)
        return SourceItem(uri, self.name, hashlib.sha256(content).hexdigest(), len(content), self.access)

    def _path(self, uri: str) -> Path:
        return self._folder / f"{hashlib.sha256(uri.encode()).hexdigest()}.md"
