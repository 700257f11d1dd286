"""A search for the chunk size that serves the diagnosed questions best, tried out on a part of the corpus.

For each size, the documents that hold the right answers and a sample of the others are split, embedded and put into an
index of their own in a temporary folder, and every question is searched for as serving does it. All sizes are tried on
the same documents, the live one among them. Neither the live index nor the memo of vectors is written to.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from core.ports import Embedder, VectorIndex
from core.release import RetrievalParameters
from core.storage.documents import DocumentRepository, EmbeddingMemo
from core.types import CollectionSpec, Document, DocumentState, EmbeddedDocument, document_id
from ingestion.embedding import vectors_of
from ingestion.splitting.structure_splitter import StructureSplitter
from loop.remedies.diagnosed import Diagnosed, halves
from loop.remedies.figures import ChunkFigures, SizeGain
from loop.remedies.gain import compared, gain
from loop.remedies.port import Say
from retrieval.indexes.edge import EdgeIndex
from retrieval.question_map import QuestionMap
from retrieval.retriever import Retriever

# From a few lines to what the bundled embedder reads at most; in between each is about 1.5 times the one before, less
# changes little. What the embedder cannot read whole is left out.
SIZES = (64, 96, 128, 192, 256)
# Characters of the documents that hold the right answers, and of those put beside them to be confused with. Together
# some 200,000 tokens, which are embedded once for each size: minutes on two cores, whatever the size of the corpus.
MOST_RIGHT = 500_000
MOST_BESIDE = 300_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Trial:
    """What one size came to: the gain (loop.remedies.gain) of each choosing and of each held-out question."""

    chunk_tokens: int
    choosing: tuple[float, ...]
    held_out: tuple[float, ...]

    @property
    def gain(self) -> float:
        """The mean gain of the choosing questions."""
        return round(fmean(self.choosing), 6)


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """The size that is better than the live one, or None and why there is none; and what was measured."""

    chunk_tokens: int | None
    why_not: str
    figures: ChunkFigures


@dataclass(frozen=True, slots=True)
class ChunkSearch:
    """Searches for a size for the collection of `spec`, whose chunks have `live_tokens` tokens at most."""

    documents: DocumentRepository
    memo: EmbeddingMemo
    embedder: Embedder
    spec: CollectionSpec
    live_tokens: int
    parameters: RetrievalParameters
    question_map: QuestionMap | None

    def run(self, questions: Sequence[Diagnosed], say: Say) -> SizeChoice:
        """Another size, if one is better. Raises ConflictError when there is no question to choose by."""
        right, asked = self._right(questions)
        choosing, held_out = halves(asked)
        beside = self._beside({document.id for document in right})
        say(f"{len(asked)} questions over {len(right)} documents that answer them and {len(beside)} others")
        trials = []
        for size in self._sizes():
            trial = self._trial(size, [*right, *beside], choosing, held_out)
            say(f"chunks of {size} tokens: {trial.gain:.3f} on {len(choosing)} questions")
            trials.append(trial)
        best, why_not = chosen(trials, self.live_tokens)
        live = next(trial for trial in trials if trial.chunk_tokens == self.live_tokens)
        figures = ChunkFigures(
            live_tokens=self.live_tokens,
            sizes=tuple(SizeGain(chunk_tokens=each.chunk_tokens, gain=round(each.gain, 4)) for each in trials),
            held_out=compared(live.held_out, best.held_out),
            chose_on=tuple(str(each.subject) for each in choosing),
            held_out_on=tuple(str(each.subject) for each in held_out),
            documents=len(right),
            documents_beside=len(beside),
        )
        return SizeChoice(None if why_not else best.chunk_tokens, why_not, figures)

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
        return Retriever(index, self.embedder, spec.name, self.parameters, self.question_map)

    def _embedded(self, documents: Sequence[Document], splitter: StructureSplitter) -> Iterator[EmbeddedDocument]:
        split = [(document, tuple(splitter.split(document))) for document in documents]
        vectors = vectors_of([chunk.indexed_text for _, chunks in split for chunk in chunks], self.embedder, self.memo)
        begin = 0
        for document, chunks in split:
            end = begin + len(chunks)
            yield EmbeddedDocument(
                document.id, "search", document.content_sha256, document.access, chunks, vectors[begin:end]
            )
            begin = end


def chosen(trials: Sequence[Trial], live: int) -> tuple[Trial, str]:
    """The trial that is best on the choosing questions, and why it is not taken: it is the live size, or the held-out
    questions lose by it. "" where it is. Pure.

    Of equally good ones the live one stays, else the middle one is taken: what is just large enough for these questions
    is too small for others that nobody asked.
    """
    by_size = {trial.chunk_tokens: trial for trial in sorted(trials, key=lambda trial: trial.chunk_tokens)}
    most = max(trial.gain for trial in trials)
    equal = [size for size, trial in by_size.items() if trial.gain == most]
    best = by_size[live if live in equal else equal[(len(equal) - 1) // 2]]
    if best.chunk_tokens == live:
        return best, f"No other chunk size serves these questions better than {live} tokens."
    if compared(by_size[live].held_out, best.held_out).loses:
        return best, (
            f"Chunks of {best.chunk_tokens} tokens serve the questions that chose better, and those that were held out "
            "worse."
        )
    return best, ""


def _gain(retriever: Retriever, asked: Diagnosed) -> float:
    return gain([passage.chunk for passage in retriever.retrieve(asked.query, asked.scope).passages], asked.places)
