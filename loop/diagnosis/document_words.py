"""Which documents have which words: a scan of all stored texts, for what an index lacks.

Each text is read once and kept as the numbers of its distinct words, some 1 KB a document.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from core.storage.documents import DocumentRepository
from loop.diagnosis.wording import Wording
from serving.grounding.support import Words

Numbers = NDArray[np.uint32]


def word_numbers(words: Words) -> Numbers:
    """The words as sorted numbers that can be compared."""
    keys = {zlib.crc32(word.encode()) if isinstance(word, str) else word & 0xFFFFFFFF for word in words}
    return np.array(sorted(keys), dtype=np.uint32)


def coverage(wanted: Numbers, words: Numbers) -> float:
    """The share of the wanted words that a text has."""
    return float(np.isin(wanted, words, assume_unique=True).mean()) if len(wanted) else 0.0


class DocumentWords:
    """The words of every stored document, brought up to date when asked."""

    def __init__(self, documents: DocumentRepository, wording: Wording) -> None:
        self._documents = documents
        self._wording = wording
        self._words: dict[str, tuple[str, Numbers]] = {}
        self._known: Numbers = np.array([], dtype=np.uint32)

    def refresh(self) -> None:
        """Read what is new or has changed; forget what is gone."""
        versions = self._documents.versions()
        kept = {key: self._words[key] for key, version in versions.items() if self._has(key, version.content_sha256)}
        missing = versions.keys() - kept.keys()
        if not missing and len(kept) == len(self._words):
            return
        for key in missing:
            document = self._documents.get(key)
            if document is not None:
                numbers = word_numbers(self._wording.words(f"{document.title}\n{document.text}"))
                kept[key] = (document.content_sha256, numbers)
        self._words = kept
        self._known = np.unique(np.concatenate([numbers for _, numbers in kept.values()])) if kept else self._known[:0]

    def known_share(self, words: Words) -> float:
        """The share of these words that any document has; 0 of none."""
        return coverage(word_numbers(words), self._known)

    def best(self, words: Words, most: int) -> list[str]:
        """Ids of the documents that have most of these words, best first."""
        wanted = word_numbers(words)
        shares = ((coverage(wanted, numbers), key) for key, (_, numbers) in self._words.items())
        return [key for _, key in sorted((-share, key) for share, key in shares if share > 0)[:most]]

    def share(self, key: str, wanted: Numbers) -> float:
        """The share of the wanted words that the document with this id has; 0 if it is not stored."""
        return coverage(wanted, self._words[key][1]) if key in self._words else 0.0

    def _has(self, key: str, content_sha256: str) -> bool:
        return key in self._words and self._words[key][0] == content_sha256
