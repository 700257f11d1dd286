"""Questions whose evidence is known, out of public data sets on disk: what fits and benchmarks learn from.

None of the data is part of the project; `load(folder)` reads the folders that were put beside it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import InputError
from core.types import Chunk, Document, TextFormat
from evals.cases.cases import GoldEvidence
from evals.cases.foreign_files import uri_of
from tools.importers import chunking_eval, feedbackqa, mtrag, xquad
from tools.importers.research_set import ResearchSet

# Passages beside those that hold the answers: enough to search among, few enough to embed in a minute.
DISTRACTORS = 2000
_SEED = 7


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
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
    gold: tuple[EvidenceSpan, ...]


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
        _corpus("xquad", True, xquad.read(data / "xquad" / "xquad.en.json", "xquad")),
        _corpus("chunking-eval", True, chunking_eval.read(data / "chunking-eval", "chunking-eval")),
        # People judged the passages that systems found, not the whole corpus: others may answer as well.
        _fewer(_corpus("mtrag-clapnq", False, _mtrag(data, "clapnq"))),
        _fewer(_corpus("mtrag-fiqa", False, _mtrag(data, "fiqa"))),
        # Two people judged one passage a question: others may answer as well.
        _corpus("feedbackqa", False, feedbackqa.read(data / "feedbackqa", "feedbackqa")),
    ]


def _mtrag(data: Path, domain: str) -> ResearchSet:
    return mtrag.read(data / "mtrag", f"mtrag-{domain}", domain=domain, rewritten=True)


def _corpus(name: str, exhaustive: bool, found: ResearchSet) -> LabelledCorpus:
    documents = {}
    for text in found.documents:
        uri = uri_of(name, text.path)
        documents[uri] = Document(uri, text.title, text.text, TextFormat.PLAIN, "text/plain", "0" * 64)
    questions = tuple(
        LabelledQuestion(case.question, tuple(_span(evidence, documents) for evidence in case.evidence))
        for case in found.cases
    )
    return LabelledCorpus(name, exhaustive, tuple(documents.values()), questions)


def _span(evidence: GoldEvidence, documents: Mapping[str, Document]) -> EvidenceSpan:
    """Raises InputError where the document does not hold the quote."""
    if not evidence.quote:
        return EvidenceSpan(evidence.uri)
    span = evidence.span(documents[evidence.uri].text)
    if span is None:
        raise InputError(f"{evidence.uri} does not hold: {evidence.quote[:80]}", hint="Is the data set complete?")
    return EvidenceSpan(evidence.uri, *span)


def _fewer(corpus: LabelledCorpus) -> LabelledCorpus:
    """The corpus with the documents that are evidence and DISTRACTORS others."""
    wanted = {span.uri for question in corpus.questions for span in question.gold}
    others = [document for document in corpus.documents if document.uri not in wanted]
    kept = [document for document in corpus.documents if document.uri in wanted]
    kept += random.Random(_SEED).sample(others, min(DISTRACTORS, len(others)))  # noqa: S311 - a sample, no secret
    return replace(corpus, documents=tuple(kept))
