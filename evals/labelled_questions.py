"""Questions whose evidence is known, out of public data sets on disk: what fits and benchmarks learn from.

None of the data is part of the project; `load(folder)` reads the folders that were put beside it.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.types import Chunk, Document, TextFormat


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a document that holds evidence; the whole document where `end` is None."""

    uri: str
    start: int = 0
    end: int | None = None

    def overlaps(self, chunk: Chunk) -> bool:
        if chunk.uri != self.uri:
            return False
        return self.end is None or (chunk.start < self.end and self.start < chunk.end)


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question and every span that holds its answer."""

    text: str
    gold: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """Documents, and questions that they answer.

    `exhaustive` says that the gold spans are all there is: nothing else in the documents answers the question.
    """

    name: str
    exhaustive: bool
    documents: tuple[Document, ...]
    questions: tuple[LabelledQuestion, ...]


def load(data: Path) -> list[LabelledCorpus]:
    """XQuAD (English), the chunking evaluation's five corpora, and MTRAG's ClapNQ domain."""
    if not data.is_dir():
        raise InputError(f"There is no folder {data}.", hint="It must hold xquad/, chunking-eval/ and mtrag/.")
    return [_xquad(data / "xquad" / "xquad.en.json"), _chunking_eval(data / "chunking-eval"), _mtrag(data / "mtrag")]


def _document(uri: str, title: str, text: str) -> Document:
    return Document(uri, title, text, TextFormat.PLAIN, "text/plain", "0" * 64)


def _xquad(path: Path) -> LabelledCorpus:
    documents, questions = [], []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        uri = f"xquad/{article['title']}"
        text = ""
        for paragraph in article["paragraphs"]:
            offset = len(text)
            text += paragraph["context"] + "\n\n"
            for item in paragraph["qas"]:
                start = offset + item["answers"][0]["answer_start"]
                span = Span(uri, start, start + len(item["answers"][0]["text"]))
                questions.append(LabelledQuestion(item["question"], (span,)))
        documents.append(_document(uri, article["title"].replace("_", " "), text))
    return LabelledCorpus("xquad", True, tuple(documents), tuple(questions))


def _chunking_eval(folder: Path) -> LabelledCorpus:
    base = next(folder.rglob("questions_df.csv")).parent
    documents = []
    for path in sorted((base / "corpora").glob("*.md")):
        documents.append(_document(f"chunking-eval/{path.stem}", path.stem, path.read_text(encoding="utf-8")))
    questions = []
    with (base / "questions_df.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            uri = f"chunking-eval/{row['corpus_id']}"
            spans = [Span(uri, part["start_index"], part["end_index"]) for part in json.loads(row["references"])]
            questions.append(LabelledQuestion(row["question"], tuple(spans)))
    return LabelledCorpus("chunking-eval", True, tuple(documents), tuple(questions))


def _mtrag(folder: Path) -> LabelledCorpus:
    with gzip.open(folder / "pooled_corpus" / "clapnq.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    documents = tuple(_document(row["_id"], row["title"], row["text"]) for row in rows if row["text"].strip())
    tasks = folder / "retrieval_tasks" / "clapnq"
    gold: dict[str, list[Span]] = {}
    with (tasks / "qrels" / "dev.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            gold.setdefault(row["query-id"], []).append(Span(row["corpus-id"]))
    questions = tuple(
        LabelledQuestion(text, tuple(gold[query]))
        for query, text in _queries(tasks / "clapnq_rewrite.jsonl")
        if query in gold
    )
    # People judged the passages that systems found, not all 10,724: others may answer as well.
    return LabelledCorpus("mtrag-clapnq", False, documents, questions)


def _queries(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["_id"], row["text"].removeprefix("|user|:").strip()
