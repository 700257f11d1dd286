"""What the sources hold now, beside what was made of them: files read afresh, where they can be.

Only sources that can be opened again are read. A file is converted in the sandbox, as ingestion does it, and once for
each version.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConversionError, InputError, UnavailableError
from core.loop.diagnosis import SourceState
from core.ports import Source
from core.settings import Settings
from core.storage.documents import DocumentRepository
from core.types import Document, DocumentState, ManifestEntry, SourceItem, document_id
from ingestion.converters.registry import FileConverter
from ingestion.converters.sandbox import Limits, Sandbox
from ingestion.converters.worker import Converted, Job, Task
from ingestion.personal_data import under_policy
from ingestion.sources.registry import open_source
from loop.diagnosis.document_words import DocumentWords, Numbers, coverage, word_numbers
from loop.diagnosis.wording import Wording
from serving.grounding.support import Words

# Files read afresh for one diagnosis: those that changed, failed or are new come first.
MOST_READ = 200
# Of the files that seem to be read well, those are converted again whose bytes have most of the words, and more of them
# than the text that was made of them.
MOST_DOUBTED = 3
LEAST_WORDS = 0.6
LEAST_LOST = 0.05
# Files whose bytes are searched. Beyond these, a wrong conversion that went unnoticed is not found.
MOST_SEARCHED = 20_000
_TEXT_SUFFIXES = frozenset({".md", ".markdown", ".txt", ".text", ".html", ".htm"})
# How long a listing of the folders is taken for what is there.
_LISTED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FreshText:
    """A source's file as a right conversion holds it now."""

    document: Document
    state: SourceState


class SourceFiles:
    """The files of a collection's sources."""

    def __init__(
        self,
        settings: Settings,
        documents: DocumentRepository,
        collection: str,
        wording: Wording,
        stored: DocumentWords,
    ) -> None:
        self._stored = stored
        self._settings = settings
        self._documents = documents
        self._collection = collection
        self._wording = wording
        self._converter = FileConverter.of(settings)
        self._listed_at = float("-inf")
        self._sources: dict[str, Source] = {}
        self._items: dict[str, SourceItem] = {}
        self._entries: dict[str, ManifestEntry] = {}
        self._fresh: dict[tuple[str, str], Document | None] = {}
        self._raw: dict[str, tuple[str, Numbers]] = {}
        self.unread: tuple[str, ...] = ()
        """Names of the sources that cannot be read again from here."""

    def changed(self, uris: Iterable[str]) -> list[FreshText]:
        """Those of these documents whose file has changed since it was last read, as they are now."""
        self._list()
        states = {uri: self._state(uri) for uri in dict.fromkeys(uris) if uri in self._items}
        return self._read({uri: state for uri, state in states.items() if state is SourceState.CHANGED})

    def holding(self, words: Words) -> list[FreshText]:
        """The files that may hold these words and of which the documents do not tell: new, changed and failed ones,
        and those whose bytes have most of the words though the text made of them has not."""
        self._list()
        found = {uri: state for uri in self._items if (state := self._state(uri)) is not None}
        wanted = dict(sorted(found.items())[:MOST_READ])
        for uri in self._doubted(words):
            wanted.setdefault(uri, SourceState.MISREAD)
        return self._read(wanted)

    # -- what there is

    def _list(self) -> None:
        if time.monotonic() - self._listed_at < _LISTED_SECONDS:
            return
        self._entries = {entry.uri: entry for entry in self._documents.entries(self._collection).values()}
        self._sources, self._items, unread = {}, {}, []
        for name in sorted({entry.source for entry in self._entries.values()}):
            try:
                source = open_source(name, self._documents.source_root(name) or "")
                self._items |= {item.uri: item for item in source.list()}
                self._sources[name] = source
            except (InputError, UnavailableError):
                unread.append(name)
        self.unread = tuple(unread)
        self._listed_at = time.monotonic()

    def _state(self, uri: str) -> SourceState | None:
        """How the file stands to what was made of it; None if nothing speaks against that."""
        entry = self._entries.get(uri)
        if entry is None:
            return SourceState.NEW
        if entry.state is DocumentState.FAILED:
            return SourceState.FAILED
        return SourceState.CHANGED if entry.etag != self._items[uri].etag else None

    def _doubted(self, words: Words) -> list[str]:
        texts = [uri for uri in sorted(self._items) if Path(uri).suffix.lower() in _TEXT_SUFFIXES][:MOST_SEARCHED]
        wanted = word_numbers(words)
        found = []
        for uri in texts:
            share = coverage(wanted, self._raw_words(uri))
            if share >= max(LEAST_WORDS, self._stored.share(document_id(uri), wanted) + LEAST_LOST):
                found.append((-share, uri))
        return [uri for _, uri in sorted(found)[:MOST_DOUBTED]]

    def _raw_words(self, uri: str) -> Numbers:
        etag = self._items[uri].etag
        if uri not in self._raw or self._raw[uri][0] != etag:
            text = self._bytes(uri).decode("utf-8", "replace")
            self._raw[uri] = (etag, word_numbers(self._wording.words(text)))
        return self._raw[uri][1]

    def _bytes(self, uri: str) -> bytes:
        item = self._items[uri]
        try:
            return self._converter.read(self._sources[item.source].fetch(item)).data
        except ConversionError:
            return b""

    # -- reading

    def _read(self, wanted: Mapping[str, SourceState]) -> list[FreshText]:
        missing = [self._items[uri] for uri in wanted if (uri, self._items[uri].etag) not in self._fresh]
        if missing:
            self._convert(missing)
        found = {uri: self._fresh[uri, self._items[uri].etag] for uri in wanted}
        return [FreshText(document, wanted[uri]) for uri, document in found.items() if document is not None]

    def _convert(self, items: Sequence[SourceItem]) -> None:
        limits = Limits.of(self._settings)
        with Sandbox(Job(self._converter, None, limits.chunks), limits, self._settings.home) as sandbox:
            pending = []
            for item in items:
                self._fresh[item.uri, item.etag] = None
                try:
                    task = Task(self._sources[item.source].fetch(item), item)
                except ConversionError:
                    continue
                pending.append((task, sandbox.submit(task)))
            for task, future in pending:
                outcome = sandbox.outcome(task, future)
                if isinstance(outcome, Converted):
                    policy = self._documents.personal_data_policy(task.item.source)
                    self._fresh[task.item.uri, task.item.etag] = under_policy(outcome.document, policy)
