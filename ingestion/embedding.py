"""Vectors for texts: from the memo where they were computed before, from the embedder otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from core.ports import Embedder
from core.storage.documents import EmbeddingMemo
from core.types import Vector


def text_sha256(text: str) -> str:
    """The key of a text's vector in the memo."""
    return hashlib.sha256(text.encode()).hexdigest()


def embed(
    embedder: Embedder, memo: EmbeddingMemo, texts: Sequence[str], progress: Callable[[int], None]
) -> tuple[Vector, int]:
    """The texts' vectors, shape (len(texts), dimensions), and how many of them had to be computed.

    `progress` is called with the number of texts finished since its last call.
    """
    import numpy as np

    hashes = [text_sha256(text) for text in texts]
    known = memo.get(embedder.fingerprint, list(dict.fromkeys(hashes)))
    missing = {text_hash: text for text_hash, text in zip(hashes, texts, strict=True) if text_hash not in known}
    progress(len(texts) - len(missing))
    if missing:
        fresh = dict(zip(missing, embedder.embed(list(missing.values()), progress), strict=True))
        memo.put(embedder.fingerprint, fresh)
        known.update(fresh)
    if not texts:
        return np.zeros((0, embedder.dimensions), dtype=np.float32), 0
    return np.stack([known[text_hash] for text_hash in hashes]), len(missing)


def vectors_of(texts: Sequence[str], embedder: Embedder, memo: EmbeddingMemo) -> Vector:
    """The texts' vectors for trying something out, shape (len(texts), dimensions). What is new is not put into the
    memo: an erasure would not find it."""
    import numpy as np

    wanted = {text_sha256(text): text for text in texts}
    known = memo.get(embedder.fingerprint, list(wanted))
    missing = [text_hash for text_hash in wanted if text_hash not in known]
    if missing:
        known.update(zip(missing, embedder.embed([wanted[text_hash] for text_hash in missing]), strict=True))
    if not texts:
        return np.zeros((0, embedder.dimensions), dtype=np.float32)
    return np.stack([known[text_sha256(text)] for text in texts])
