"""Fit the model that decides when to say "not in the documents", on questions whose evidence is known.

    python -m tools.fits.abstention DATA [--write]

Every question is tried three ways: as it is (the passages hold the answer if they overlap its evidence), with its
evidence taken out of the results (they do not), and over a corpus of another subject (they do not). Where the evidence
on record is not all there is, only what is certain is used. What is reported is measured on a corpus that took no part
in the fit, for each corpus in turn.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.ports import Embedder, VectorIndex
from core.release import AbstentionModel, RetrievalParameters
from core.settings import load_settings
from core.types import AccessScope, CollectionSpec, Document, EmbeddedDocument, Passage
from ingestion.splitting.structure_splitter import StructureSplitter
from retrieval.factory import open_embedder
from retrieval.indexes.edge import EdgeIndex
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.grounding.evidence import EvidenceScorer
from serving.releases.first import ABSTENTION
from tools.fits.labelled_questions import LabelledCorpus, LabelledQuestion, load

FEATURES = ("dense", "bm25", "coverage", "sentence")
TOP_K = 8
# Questions of each corpus: enough for stable weights in a few minutes; XQuAD alone has 1,190.
MOST_QUESTIONS = 150
# Share of the answerable questions that the threshold lets through. A refusal where the answer is there costs trust in
# the whole system; a quotation that is near the subject and does not answer is seen through at a glance.
ANSWERED = 0.9
_EMBED_AT_ONCE = 2048
_SEED = 7


@dataclass(frozen=True, slots=True)
class ScoredQuestion:
    """The features of one question's passages, and whether these hold the answer."""

    corpus: str
    kind: str
    features: tuple[float, ...]
    answerable: bool


def main(arguments: Sequence[str]) -> int:
    """Fit, print the held-out figures, and with --write replace the model that ships."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with xquad, chunking-eval, mtrag and feedbackqa")
    parser.add_argument("--write", action="store_true", help=f"write the model to {ABSTENTION.name}")
    chosen = parser.parse_args(arguments)
    embedder = open_embedder(load_settings())
    corpora = load(chosen.data)
    with tempfile.TemporaryDirectory() as folder:
        observations = list(observe(corpora, embedder, EdgeIndex(Path(folder))))
    report(observations)
    model = fit(observations, ", ".join(f"{corpus.name}" for corpus in corpora))
    print(json.dumps(model.model_dump(), indent=2))
    if chosen.write:
        ABSTENTION.write_text(json.dumps(model.model_dump(), indent=2) + "\n", encoding="utf-8")
    return 0


def observe(corpora: Sequence[LabelledCorpus], embedder: Embedder, index: VectorIndex) -> Iterator[ScoredQuestion]:
    """Every question, asked in the three ways."""
    undecided = AbstentionModel(weights={}, bias=0.0, threshold=0.0, fitted_on="nothing: only the features are wanted")
    scorer = EvidenceScorer(embedder, SparseEncoder("english"), undecided, "english")
    samples = {corpus.name: _sample(corpus.questions) for corpus in corpora}
    for corpus in corpora:
        retriever = _retriever(corpus, embedder, index)
        foreign = [item for name, items in samples.items() if name != corpus.name for item in items]
        asked = [("own", question) for question in samples[corpus.name]]
        asked += [("foreign", question) for question in _sample(foreign, len(asked) // 2)]
        for kind, question in asked:
            found = retriever.retrieve(question.text, AccessScope.everything(), TOP_K * 3).passages
            own = found[:TOP_K]
            answerable = _holds(question, own)
            if answerable or corpus.exhaustive or kind == "foreign":
                yield _observation(scorer, corpus.name, kind, question, own, answerable)
            if answerable and corpus.exhaustive:
                rest = [passage for passage in found if not _holds(question, [passage])][:TOP_K]
                yield _observation(scorer, corpus.name, "removed", question, rest, False)


def fit(observations: Sequence[ScoredQuestion], fitted_on: str) -> AbstentionModel:
    """A logistic regression without negative weights, because more evidence must never lower the confidence, and the
    threshold above which ANSWERED of the answerable questions lie, every corpus weighing the same."""
    x, y = _arrays(observations)
    shares = _shares(observations)
    weights, bias = _logistic(x, y, shares)
    model = AbstentionModel(
        weights=dict(zip(FEATURES, weights.round(4).tolist(), strict=True)),
        bias=round(bias, 4),
        threshold=0.5,
        fitted_on=fitted_on,
    )
    answerable = probabilities(model, x[y])
    threshold = np.quantile(answerable, 1 - ANSWERED, weights=shares[y], method="inverted_cdf")
    return model.model_copy(update={"threshold": round(float(threshold), 3)})


def _logistic(x: np.ndarray, y: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights of shape (len(FEATURES),), none below 0, and the bias that minimise the weighted log loss."""
    from scipy.optimize import minimize

    scale = x.std(axis=0)
    signs = np.where(y, 1.0, -1.0)

    def loss(parameters: np.ndarray) -> float:
        return float(np.sum(shares * np.logaddexp(0, -signs * (x / scale @ parameters[:-1] + parameters[-1]))))

    bounds = [(0, None)] * len(FEATURES) + [(None, None)]
    found = minimize(loss, np.zeros(len(FEATURES) + 1), bounds=bounds, method="L-BFGS-B")
    return found.x[:-1] / scale, float(found.x[-1])


def _shares(observations: Sequence[ScoredQuestion]) -> np.ndarray:
    """Each observation's share of the whole: half for the answerable, a quarter for those of another subject and a
    quarter for the other unanswerable ones, divided evenly among corpora and within each."""
    total = {"answerable": 0.5, "foreign": 0.25, "near": 0.25}
    near = {True: "foreign", False: "near"}
    groups = [("answerable" if item.answerable else near[item.kind == "foreign"], item.corpus) for item in observations]
    sizes = Counter(groups)
    corpora = Counter(group for group, _ in sizes)
    return np.array([total[group] / corpora[group] / sizes[group, corpus] for group, corpus in groups])


def probabilities(model: AbstentionModel, x: np.ndarray) -> np.ndarray:
    """The model's probabilities, shape (n,), for features of shape (n, len(FEATURES))."""
    total: np.ndarray = x @ np.array([model.weights[name] for name in FEATURES]) + model.bias
    result: np.ndarray = 1 / (1 + np.exp(-total))
    return result


def report(observations: Sequence[ScoredQuestion]) -> None:
    """For each corpus: what a model fitted on the others does on it, by kind of question."""
    for held_out in sorted({item.corpus for item in observations}):
        model = fit([item for item in observations if item.corpus != held_out], "")
        test = [item for item in observations if item.corpus == held_out]
        x, y = _arrays(test)
        answered = probabilities(model, x) >= model.threshold
        print(f"{held_out}, fitted on the others: {answered[y].mean():.3f} of {y.sum()} answerable questions answered")
        for kind, meaning in (("removed", "evidence taken out"), ("foreign", "another subject")):
            rows = np.array([item.kind == kind and not item.answerable for item in test])
            if rows.any():
                print(f"  declined {(~answered[rows]).mean():.3f} of {rows.sum()} with {meaning}")


def _arrays(observations: Sequence[ScoredQuestion]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([item.features for item in observations]), np.array([item.answerable for item in observations])


def _sample(questions: Sequence[LabelledQuestion], size: int = MOST_QUESTIONS) -> list[LabelledQuestion]:
    return random.Random(_SEED).sample(list(questions), min(size, len(questions)))  # noqa: S311 - a sample, no secret


def _holds(question: LabelledQuestion, passages: Sequence[Passage]) -> bool:
    return any(span.overlaps(passage.chunk) for span in question.gold for passage in passages)


def _observation(
    scorer: EvidenceScorer,
    corpus: str,
    kind: str,
    question: LabelledQuestion,
    passages: Sequence[Passage],
    answerable: bool,
) -> ScoredQuestion:
    features = scorer.score(question.text, passages).features
    return ScoredQuestion(corpus, kind, tuple(features[name] for name in FEATURES), answerable)


def _retriever(corpus: LabelledCorpus, embedder: Embedder, index: VectorIndex) -> Retriever:
    splitter = StructureSplitter(embedder, load_settings().chunk_tokens, embedder.fingerprint)
    spec = CollectionSpec(
        embedder.name, embedder.fingerprint, embedder.dimensions, splitter.name, splitter.fingerprint, base=corpus.name
    )
    index.ensure(spec)
    print(f"{corpus.name}: embedding {len(corpus.documents)} documents", file=sys.stderr)
    index.commit(spec.name, _embedded(corpus.documents, splitter, embedder), [])
    return Retriever(index, embedder, spec.name, RetrievalParameters())


def _embedded(
    documents: Sequence[Document], splitter: StructureSplitter, embedder: Embedder
) -> Iterator[EmbeddedDocument]:
    split = [(document, tuple(splitter.split(document))) for document in documents]
    for begin in range(0, len(split), _EMBED_AT_ONCE):
        batch = split[begin : begin + _EMBED_AT_ONCE]
        vectors = embedder.embed([chunk.indexed_text for _, chunks in batch for chunk in chunks])
        offset = 0
        for document, chunks in batch:
            yield EmbeddedDocument(
                document.id, "fit", document.content_sha256, ("public",), chunks, vectors[offset : offset + len(chunks)]
            )
            offset += len(chunks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
