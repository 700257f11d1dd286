"""The splitter beside LlamaIndex's and LangChain's, on Chroma's chunking evaluation: `python -m
tests.benchmarks.splitters [--cache FOLDER]`.

Five long texts, and 472 questions with the spans that answer them. The chunks of all texts lie in one pool, and the
nearest by the default embedder are retrieved: as many chunks for each splitter, and as many tokens. Scores are those of
Chroma's code, which counts characters: recall is the share of the spans that was retrieved, precision the share of what
was retrieved that is in the spans, and IoU what of the spans was retrieved, divided by all that was retrieved or
missed. Intervals are of 95 %, over questions.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.ports import Embedder, LocalFile
from core.settings import load_settings
from core.types import SourceItem, Vector
from evals.cases.cases import Case
from evals.gate.statistics import bootstrap_interval
from ingestion.converters.registry import FileConverter
from ingestion.splitting.structure_splitter import StructureSplitter
from retrieval.factory import open_embedder
from tests.benchmarks.questions import FILES, MODELS
from tests.benchmarks.rival_pipelines import prepare_llama_index
from tools.importers.formats import FORMATS, read_set
from tools.importers.research_set import ResearchSet, write_documents

Span = tuple[str, int, int]
"""A text, and where in it the span begins and ends."""

_CHUNKS = 5  # what Chroma's code retrieves unless it is told otherwise
_TOKENS = (1_000, 4_000)
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk: where it stands, and what of it is embedded."""

    span: Span
    embedded: str


@dataclass(frozen=True, slots=True)
class Score:
    """Of one question."""

    recall: float
    precision: float
    iou: float


def scored(retrieved: Sequence[Span], wanted: Sequence[Span]) -> Score:
    """What the retrieved spans hold of the wanted ones. What was retrieved twice counts twice as retrieved."""
    asked = {(text, place) for text, start, end in wanted for place in range(start, end)}
    found = sum(any(_holds(span, place) for span in retrieved) for place in asked)
    length = sum(end - start for _, start, end in retrieved)
    return Score(found / len(asked), found / length if length else 0.0, found / (length + len(asked) - found))


def _holds(span: Span, place: tuple[str, int]) -> bool:
    text, start, end = span
    return text == place[0] and start <= place[1] < end


@dataclass(frozen=True)
class Texts:
    """The texts by name, their tokens by the embedder, and a folder that holds them as files."""

    folder: Path
    texts: dict[str, str]
    offsets: dict[str, list[tuple[int, int]]]

    @classmethod
    def written(cls, folder: Path, found: ResearchSet, embedder: Embedder) -> Texts:
        write_documents(folder, found.documents)
        texts = {document.path: document.content for document in found.documents}
        return cls(folder, texts, {name: embedder.token_offsets(text) for name, text in texts.items()})

    def cut(self, spans: Sequence[Span], tokens: int) -> Iterator[Span]:
        """The spans one after another, up to so many tokens; the last is cut there."""
        for span in spans:
            text, start, _ = span
            many = self.tokens(span)
            if many >= tokens:
                yield text, start, self.offsets[text][self._before(text, start) + tokens - 1][1]
                return
            yield span
            tokens -= many

    def tokens(self, span: Span) -> int:
        text, start, end = span
        return self._before(text, end) - self._before(text, start)

    def _before(self, text: str, place: int) -> int:
        return bisect_left(self.offsets[text], (place, 0))


Splitting = Callable[[Texts, Embedder], list[Piece]]


def ours(texts: Texts, embedder: Embedder) -> list[Piece]:
    """As ingestion does it: converted, split, embedded with title and headings."""
    splitter = StructureSplitter(embedder, load_settings().chunk_tokens, embedder.fingerprint)
    pieces = []
    for name, text in texts.texts.items():
        item = SourceItem(f"texts/{name}", "texts", "1", len(text))
        document = FileConverter(100_000_000).convert(LocalFile(texts.folder / name, name), item)
        if document.text != text:
            raise ValueError(f"The spans would not fit: {name} was changed.")
        pieces += [Piece((name, one.start, one.end), one.indexed_text) for one in splitter.split(document)]
    return pieces


def ours_without_headings(texts: Texts, embedder: Embedder) -> list[Piece]:
    """The same chunks, embedded as the others embed theirs."""
    return [Piece(one.span, texts.texts[one.span[0]][one.span[1] : one.span[2]]) for one in ours(texts, embedder)]


def llama_index(size: int | None) -> Splitting:
    """SentenceSplitter's defaults, or chunks of `size` of the embedder's tokens without overlap."""

    def split(texts: Texts, embedder: Embedder) -> list[Piece]:
        from llama_index.core import Document
        from llama_index.core.node_parser import SentenceSplitter

        prepare_llama_index()
        splitter = SentenceSplitter()
        if size is not None:

            def tokens(text: str) -> list[tuple[int, int]]:
                return embedder.token_offsets(text)

            splitter = SentenceSplitter(chunk_size=size, chunk_overlap=0, tokenizer=tokens)
        pieces = []
        for name, text in texts.texts.items():
            for node in splitter.get_nodes_from_documents([Document(text=text)]):
                start = node.start_char_idx  # type: ignore[attr-defined]
                pieces.append(Piece((name, start, start + len(node.get_content())), node.get_content()))
        return pieces

    return split


def langchain(size: int | None) -> Splitting:
    """RecursiveCharacterTextSplitter's defaults, or chunks of `size` of the embedder's tokens without overlap."""

    def split(texts: Texts, embedder: Embedder) -> list[Piece]:
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(add_start_index=True)
        if size is not None:

            def length(text: str) -> int:
                return embedder.count_tokens([text])[0]

            splitter = RecursiveCharacterTextSplitter(
                chunk_size=size, chunk_overlap=0, length_function=length, add_start_index=True
            )
        pieces = []
        for name, text in texts.texts.items():
            for one in splitter.create_documents([text]):
                start = one.metadata["start_index"]
                pieces.append(Piece((name, start, start + len(one.page_content)), one.page_content))
        return pieces

    return split


_SIZE = 200
SPLITTERS: dict[str, Splitting] = {
    "RAGLoop's": ours,
    "RAGLoop's, text alone": ours_without_headings,
    "LlamaIndex's default": llama_index(None),
    "LangChain's default": langchain(None),
    "LlamaIndex's at 200 tokens": llama_index(_SIZE),
    "LangChain's at 200 tokens": langchain(_SIZE),
}


@dataclass(frozen=True)
class Bench:
    """What all splitters share. `cache` keeps vectors."""

    texts: Texts
    cases: Sequence[Case]
    questions: Vector
    embedder: Embedder
    cache: Path | None

    def row(self, splitting: Splitting) -> dict[str, object]:
        """The figures of one splitter."""
        pieces = splitting(self.texts, self.embedder)
        lengths = [self.texts.tokens(piece.span) for piece in pieces]
        ranked = np.argsort(-(self.questions @ self.vectors([piece.embedded for piece in pieces]).T), axis=1)
        best = [[pieces[place].span for place in order[:100]] for order in ranked]
        figures: dict[str, object] = {
            "chunks": len(pieces),
            "tokens": {"median": float(np.median(lengths)), "max": max(lengths)},
            f"{_CHUNKS} chunks": self.means([spans[:_CHUNKS] for spans in best]),
        }
        for tokens in _TOKENS:
            figures[f"{tokens} tokens"] = self.means([list(self.texts.cut(spans, tokens)) for spans in best])
        return figures

    def means(self, retrieved: Sequence[Sequence[Span]]) -> dict[str, list[float]]:
        """The mean of each score, and its interval."""
        scores = [
            scored(spans, _wanted(case, self.texts.texts)) for spans, case in zip(retrieved, self.cases, strict=True)
        ]
        means = {}
        for name in ("recall", "precision", "iou"):
            values = [getattr(score, name) for score in scores]
            means[name] = [round(each, 3) for each in (float(np.mean(values)), *bootstrap_interval(values, _LEVEL))]
        return means

    def vectors(self, texts: Sequence[str]) -> Vector:
        """From the cache, or embedded."""
        if self.cache is None:
            return self.embedder.embed(texts)
        key = hashlib.sha256(json.dumps([self.embedder.fingerprint, *texts]).encode()).hexdigest()[:16]
        path = self.cache / f"{key}.npy"
        if not path.exists():
            partial = path.with_suffix(".partial.npy")
            np.save(partial, self.embedder.embed(texts))
            partial.rename(path)
        vectors: Vector = np.load(path)
        return vectors


def _wanted(case: Case, texts: dict[str, str]) -> list[Span]:
    """Where the question's evidence stands. Raises ValueError where it does not."""
    spans = []
    for one in case.evidence:
        name = one.uri.partition("/")[2]
        span = one.span(texts[name])
        if span is None:
            raise ValueError(f"{case.id} quotes what does not stand in {name}.")
        spans.append((name, *span))
    return spans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, help="a folder to keep vectors in")
    cache: Path | None = parser.parse_args().cache
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        MODELS.mkdir(parents=True, exist_ok=True)
        (home / "models").symlink_to(MODELS)
        embedder = open_embedder(load_settings(home=home))
        found = read_set(FORMATS["chunking-eval"], FILES["chunking-eval"])
        texts = Texts.written(Path(scratch) / "texts", found, embedder)
        questions = np.stack([embedder.embed_question(case.question) for case in found.cases])
        bench = Bench(texts, found.cases, questions, embedder, cache)
        packages = {name: importlib.metadata.version(name) for name in ("llama-index-core", "langchain-text-splitters")}
        print(json.dumps({"questions": len(found.cases), "packages": packages}))
        for name, splitting in SPLITTERS.items():
            print(json.dumps({name: bench.row(splitting)}), flush=True)


if __name__ == "__main__":
    main()
