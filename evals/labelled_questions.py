"""Questions whose evidence is known, out of public data sets on disk: what fits and benchmarks learn from.

None of the data is part of the project; `load(folder)` reads the folders that were put beside it.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.types import Chunk, Document, TextFormat

# Passages beside those that hold the answers: enough to search among, few enough to embed in a minute.
DISTRACTORS = 2000
_SEED = 7


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
    """XQuAD (English), the chunking evaluation's corpora, MTRAG's two domains, and FeedbackQA."""
    if not data.is_dir():
        raise InputError(f"There is no folder {data}.", hint="It must hold xquad, chunking-eval, mtrag and feedbackqa.")
    return [
        _xquad(data / "xquad" / "xquad.en.json"),
        _chunking_eval(data / "chunking-eval"),
        _mtrag(data / "mtrag", "clapnq"),
        _mtrag(data / "mtrag", "fiqa"),
        _feedbackqa(data / "feedbackqa"),
    ]


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


def _mtrag(folder: Path, domain: str) -> LabelledCorpus:
    tasks = folder / "retrieval_tasks" / domain
    gold: dict[str, list[Span]] = {}
    with (tasks / "qrels" / "dev.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            gold.setdefault(row["query-id"], []).append(Span(row["corpus-id"]))
    questions = tuple(
        LabelledQuestion(text, tuple(gold[query]))
        for query, text in _queries(tasks / f"{domain}_rewrite.jsonl")
        if query in gold
    )
    wanted = {span.uri for question in questions for span in question.gold}
    with gzip.open(folder / "pooled_corpus" / f"{domain}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["text"].strip()]
    others = [row for row in rows if row["_id"] not in wanted]
    kept = [row for row in rows if row["_id"] in wanted]
    kept += random.Random(_SEED).sample(others, min(DISTRACTORS, len(others)))  # noqa: S311 - a sample, no secret
    documents = tuple(_document(row["_id"], row["title"] or "", row["text"]) for row in kept)
    # People judged the passages that systems found, not the whole corpus: others may answer as well.
    return LabelledCorpus(f"mtrag-{domain}", False, documents, questions)


def _feedbackqa(folder: Path) -> LabelledCorpus:
    documents: dict[str, Document] = {}
    questions = []
    for path in sorted(folder.glob("*/feedback_valid.json")):
        for item in json.loads(path.read_text(encoding="utf-8")):
            reference = item["passage"]["reference"]
            uri = f"feedbackqa/{path.parent.name}/{item['passage']['passage_id']}"
            title = " - ".join(filter(None, [reference["page_title"], *reference["section_headers"]]))
            documents.setdefault(uri, _document(uri, title, reference["section_content"] or title))
            if all(rating in ("Excellent", "Acceptable") for rating in item["rating"]):
                questions.append(LabelledQuestion(item["question"], (Span(uri),)))
    # Two people judged one passage a question: others may answer as well.
    return LabelledCorpus("feedbackqa", False, tuple(documents.values()), tuple(questions))


def _queries(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["_id"], row["text"].removeprefix("|user|:").strip()
