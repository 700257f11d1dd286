"""A test set's questions and chunks as vectors, with what BM25 finds: ingested once under a cache, then read in a second."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import NotFoundError
from core.types import AccessScope, Hit, SearchLegs, Vector
from evals.cases.cases import Case, GoldEvidence
from evals.cases.gold import GoldFinder
from loop.remedies.fit import Searched
from tests.benchmarks.questions import DATA
from tools.answer_quality.installation import opened
from tools.answer_quality.question_sets import QuestionSet, question_set
from tools.importers.feedbackqa import read as read_feedbackqa
from tools.importers.research_set import SetDocument

SETS = ("scifact", "clapnq-dev", "feedbackqa")
# Hits of each leg that are kept.
DEPTH = 100


@dataclass(frozen=True, eq=False)
class KeptSearches:
    """`gold` has for each question the places of its answer, each as the chunks that hold some of it; `documents` the
    URIs that hold it. `sparse` are BM25's hits."""

    questions: tuple[str, ...]
    vectors: Vector
    chunks: Vector
    gold: tuple[tuple[frozenset[int], ...], ...]
    documents: tuple[frozenset[str], ...]
    sparse: tuple[tuple[Hit, ...], ...]

    def searched(self, number: int, vector: Vector, places: tuple[frozenset[int], ...] | None = None) -> Searched:
        """What both legs find for the question with this vector; `places` in place of its own where a vote is wrong."""
        likeness = self.chunks @ vector
        best = np.argpartition(-likeness, min(DEPTH, len(likeness) - 1))[:DEPTH]
        dense = tuple(Hit(str(place), float(likeness[place])) for place in best[np.argsort(-likeness[best])])
        places = self.gold[number] if places is None else places
        held: dict[str, frozenset[int]] = {}
        for at, chunks in enumerate(places):
            for chunk in chunks:
                held[str(chunk)] = held.get(str(chunk), frozenset()) | {at}
        return Searched(self.questions[number], SearchLegs(dense, self.sparse[number], 1), held, len(places))


def kept(name: str, cache: Path) -> KeptSearches:
    """From the cache, or made there: that takes as long as embedding the set's documents."""
    path = cache / f"{name}.searches.json"
    if not path.exists():
        _make(name, cache, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
        vectors, chunks = arrays["questions"], arrays["chunks"]
    return KeptSearches(
        tuple(row["question"] for row in content),
        vectors,
        chunks,
        tuple(tuple(frozenset(place) for place in row["gold"]) for row in content),
        tuple(frozenset(row["documents"]) for row in content),
        tuple(tuple(Hit(str(chunk), score) for chunk, score in row["sparse"]) for row in content),
    )


def _make(name: str, cache: Path, path: Path) -> None:
    questions = _questions(name)
    rows, vectors = [], []
    with opened(questions, cache) as (answerer, document):
        index, collection = answerer.retriever._index, answerer.retriever.collection
        stored = list(index.scroll(collection))
        places = {each.chunk.id: number for number, (each, _) in enumerate(stored)}
        find = GoldFinder(document, questions.cases)
        for case in (case for case in questions.cases if case.evidence and not case.unanswerable):
            gold = _gold(case, find, stored)
            if not all(gold) or not gold:
                continue
            found = index.search(collection, case.question, None, DEPTH, AccessScope.everything())
            rows.append(
                {
                    "question": case.question,
                    "gold": gold,
                    "documents": sorted({each.uri for each in case.evidence}),
                    "sparse": [(places[hit.chunk_id], hit.score) for hit in found.sparse],
                }
            )
            vectors.append(answerer.retriever._embedder.embed_question(case.question))
            print(f"\r{name}: {len(rows)} questions", end="", file=sys.stderr)
    np.savez(path.with_suffix(".npz"), questions=np.stack(vectors), chunks=np.stack([vector for _, vector in stored]))
    path.write_text(json.dumps(rows), encoding="utf-8")


def _gold(case: Case, find: GoldFinder, stored: list) -> list[list[int]]:  # type: ignore[type-arg]
    """For each place of the answer the chunks that hold some of it."""
    if not case.evidence[0].quote:
        uris = [each.uri for each in case.evidence]
        return [[number for number, (each, _) in enumerate(stored) if each.chunk.uri == uri] for uri in uris]
    try:
        spans = find(case)
    except NotFoundError:
        return []
    return [
        [
            number
            for number, (each, _) in enumerate(stored)
            if each.chunk.uri == span.uri and each.chunk.start < span.end and span.start < each.chunk.end
        ]
        for span in spans
    ]


def _questions(name: str) -> QuestionSet:
    if name == "scifact":
        return _scifact(DATA / "scifact" / "beir")
    if name == "feedbackqa":
        found = read_feedbackqa(DATA / "feedbackqa", name)
        return QuestionSet(name, name, found.cases, documents=found.documents)
    return question_set(name, DATA)


def _scifact(folder: Path) -> QuestionSet:
    """The claims of the training set; each abstract is a document."""
    documents = []
    with gzip.open(folder / "corpus_train.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            text = re.sub(r"['\"]\s*\n\s*['\"]", " ", row["abstract"].strip("[]")).strip("'\"")
            documents.append(SetDocument(f"{row['doc_id']}.md", row["title"], text, heading=row["title"]))
    there = {document.path for document in documents}
    lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    claims = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    relevant: dict[str, list[str]] = {}
    with (folder / "qrels" / "train.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if int(row["score"]) > 0 and f"{row['corpus-id']}.md" in there:
                relevant.setdefault(row["query-id"], []).append(f"scifact/{row['corpus-id']}.md")
    cases = tuple(
        Case(id=f"s{key}", question=claims[key], answer="", evidence=tuple(GoldEvidence(uri=uri) for uri in uris))
        for key, uris in sorted(relevant.items())
    )
    return QuestionSet("scifact", "scifact", cases, documents=tuple(documents))
