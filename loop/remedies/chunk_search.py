"""A search for the chunk size that serves the diagnosed questions best, tried out on a part of the corpus.

For each size, the documents that hold the right answers and a sample of the others are split, embedded and put into an
index of their own in a temporary folder, and every question is searched for as serving does it. All sizes are tried on
the same documents, the live one among them. Neither the live index nor the memo of vectors is written to.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from core.ports import Embedder, VectorIndex
from core.release import RetrievalParameters
from core.storage.documents import DocumentRepository, EmbeddingMemo
from core.types import Chunk, CollectionSpec, Document, DocumentState, EmbeddedDocument, Vector, document_id
from ingestion.embedding import text_sha256
from ingestion.splitting.structure_splitter import StructureSplitter
from loop.remedies.diagnosed import Diagnosed, halves
from loop.remedies.gain import compared, gain
from retrieval.indexes.edge import EdgeIndex
from retrieval.retriever import Retriever

# From a few lines to what the bundled embedder reads at most; in between each is about 1.5 times the one before, less
# changes little. What the embedder cannot read whole is left out.
SIZES = (64, 96, 128, 192, 256)
# Characters of the documents that hold the right answers, and of those put beside them to be confused with. Together
# some 200,000 tokens, which are embedded once for each size: minutes on two cores, whatever the size of the corpus.
MOST_RIGHT = 500_000
MOST_BESIDE = 300_000
_SEED = 7
_EMBED_AT_ONCE = 512

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one size came to: the gain (loop.remedies.gain) of each choosing and of each held-out question."""

    chunk_tokens: int
    choosing: tuple[float, ...]
    held_out: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ChunkSearch:
    """Searches for a size for the collection of `spec`, whose chunks have `live_tokens` tokens at most."""

    documents: DocumentRepository
    memo: EmbeddingMemo
    embedder: Embedder
    spec: CollectionSpec
    live_tokens: int
    parameters: RetrievalParameters

    def run(self, questions: Sequence[Diagnosed], say: Say) -> dict[str, Any]:
        """The proposal as JSON: `chunk_tokens` if another size is better, else `nothing_better` with the reason; and
        what was measured. Raises ConflictError when there is no question to choose by."""
        right, asked = self._right(questions)
        choosing, held_out = halves(asked)
        beside = self._beside({document.id for document in right})
        say(f"{len(asked)} questions over {len(right)} documents that answer them and {len(beside)} others")
        trials = []
        for size in self._sizes():
            trial = self._trial(size, [*right, *beside], choosing, held_out)
            say(f"chunks of {size} tokens: {fmean(trial.choosing):.3f} on {len(choosing)} questions")
            trials.append(trial)
        measured = {
            "from": self.live_tokens,
            "chose_on": [str(each.subject) for each in choosing],
            "held_out_on": [str(each.subject) for each in held_out],
            "documents": len(right),
            "documents_beside": len(beside),
        }
        return {**chosen(trials, self.live_tokens), **measured}

    def _sizes(self) -> list[int]:
        return sorted({self.live_tokens, *(size for size in SIZES if size <= self.embedder.max_tokens)})

    def _right(self, questions: Sequence[Diagnosed]) -> tuple[list[Document], list[Diagnosed]]:
        """The documents that hold the right places, as many as fit, and the questions that they answer."""
        found: dict[str, Document] = {}
        asked, characters = [], 0
        for each in questions:
            wanted = {place.uri for place in each.places} - found.keys()
            new = [document for uri in sorted(wanted) if (document := self.documents.get(document_id(uri)))]
            size = sum(len(document.text) for document in new)
            if each.places and characters + size <= MOST_RIGHT:
                characters += size
                found |= {document.uri: document for document in new}
                asked.append(each)
        return list(found.values()), asked

    def _beside(self, right: set[str]) -> list[Document]:
        """A sample of the other documents of the live collection."""
        entries = self.documents.entries(self.spec.name)
        others = sorted(key for key, entry in entries.items() if entry.state is DocumentState.INDEXED)
        random.Random(_SEED).shuffle(others)  # noqa: S311 - a sample, no secret
        found, characters = [], 0
        for key in others:
            document = None if key in right else self.documents.get(key)
            if document is not None and characters + len(document.text) <= MOST_BESIDE:
                characters += len(document.text)
                found.append(document)
            if characters > MOST_BESIDE * 0.95:
                break
        return found

    def _trial(
        self, size: int, documents: Sequence[Document], choosing: Sequence[Diagnosed], held_out: Sequence[Diagnosed]
    ) -> Trial:
        with tempfile.TemporaryDirectory() as folder:
            index = EdgeIndex(Path(folder))
            try:
                retriever = self._retriever(index, size, documents)
                return Trial(
                    size,
                    tuple(_gain(retriever, each) for each in choosing),
                    tuple(_gain(retriever, each) for each in held_out),
                )
            finally:
                index.close()

    def _retriever(self, index: VectorIndex, size: int, documents: Sequence[Document]) -> Retriever:
        splitter = StructureSplitter(self.embedder, size, self.embedder.fingerprint)
        spec = CollectionSpec(
            self.embedder.name,
            self.embedder.fingerprint,
            self.embedder.dimensions,
            splitter.name,
            splitter.fingerprint,
            self.spec.language,
        )
        index.ensure(spec)
        index.commit(spec.name, self._embedded(documents, splitter), [])
        return Retriever(index, self.embedder, spec.name, self.parameters)

    def _embedded(self, documents: Sequence[Document], splitter: StructureSplitter) -> Iterator[EmbeddedDocument]:
        split = [(document, tuple(splitter.split(document))) for document in documents]
        vectors = self._vectors([chunk for _, chunks in split for chunk in chunks])
        begin = 0
        for document, chunks in split:
            end = begin + len(chunks)
            yield EmbeddedDocument(
                document.id, "search", document.content_sha256, document.access, chunks, vectors[begin:end]
            )
            begin = end

    def _vectors(self, chunks: Sequence[Chunk]) -> Vector:
        """From the memo where they are known. What is new is not put there: an erasure would not find it."""
        texts = {text_sha256(chunk.indexed_text): chunk.indexed_text for chunk in chunks}
        known = self.memo.get(self.embedder.fingerprint, list(texts))
        missing = [key for key in texts if key not in known]
        for start in range(0, len(missing), _EMBED_AT_ONCE):
            keys = missing[start : start + _EMBED_AT_ONCE]
            known.update(zip(keys, self.embedder.embed([texts[key] for key in keys]), strict=True))
        if not chunks:
            return np.zeros((0, self.embedder.dimensions), dtype=np.float32)
        return np.stack([known[text_sha256(chunk.indexed_text)] for chunk in chunks])


def chosen(trials: Sequence[Trial], live: int) -> dict[str, Any]:
    """The size that is best on the choosing questions, if the held-out ones do not lose by it. As JSON: `chunk_tokens`
    or `nothing_better`, `sizes`, `held_out`. Pure.

    Of equally good ones the live one stays, else the middle one is taken: what is just large enough for these questions
    is too small for others that nobody asked.
    """
    by_size = {trial.chunk_tokens: trial for trial in sorted(trials, key=lambda trial: trial.chunk_tokens)}
    gains = {size: round(fmean(trial.choosing), 6) for size, trial in by_size.items()}
    equal = [size for size, found in gains.items() if found == max(gains.values())]
    best = by_size[live if live in equal else equal[(len(equal) - 1) // 2]]
    held_out = compared(by_size[live].held_out, best.held_out)
    report = {
        "sizes": [{"chunk_tokens": size, "gain": round(found, 4)} for size, found in gains.items()],
        "held_out": held_out,
    }
    if best.chunk_tokens == live:
        return {"nothing_better": f"No other chunk size serves these questions better than {live} tokens.", **report}
    if held_out["questions"] and held_out["difference"] < 0:
        return {
            "nothing_better": f"Chunks of {best.chunk_tokens} tokens serve the questions that chose better, and those "
            "that were held out worse.",
            **report,
        }
    return {"chunk_tokens": best.chunk_tokens, **report}


def _gain(retriever: Retriever, asked: Diagnosed) -> float:
    return gain([passage.chunk for passage in retriever.retrieve(asked.query, asked.scope).passages], asked.places)
