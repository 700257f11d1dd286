"""The sets of questions that can be asked, and which half of a set a question belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import InputError
from evals.cases.cases import DATASETS, Case, load_cases
from evals.cases.foreign_files import uri_of
from evals.cases.formats import sample
from tools.importers import chunking_eval, clapnq, kite, sec_10q, xquad
from tools.importers.research_set import ResearchSet, SetDocument

_DOCS = Path(__file__).parents[2] / "docs"


class Half(StrEnum):
    """Whether a question may be looked at while something is tuned. Decided by its document's title, so that no two
    questions about one document stand on both sides."""

    DEVELOPMENT = "development"
    HELD_OUT = "held-out"


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Cases, and the documents that answer them: those of a folder, or those that the set brings along."""

    name: str
    source: str
    cases: tuple[Case, ...]
    folder: Path | None = None
    documents: tuple[SetDocument, ...] = ()

    def half(self, case: Case) -> Half:
        titles = {uri_of(self.source, document.path): document.title for document in self.documents}
        return _half(case, titles)

    def sampled(self, limit: int | None, seed: int, half: Half | None) -> QuestionSet:
        """That many of each kind of case, answerable and not, of one half or of both."""
        titles = {uri_of(self.source, document.path): document.title for document in self.documents}
        wanted = [case for case in self.cases if half in (None, _half(case, titles))]
        kinds = ([case for case in wanted if case.unanswerable is kind] for kind in (False, True))
        chosen = tuple(case for kind in kinds for case in sample(kind, limit, seed))
        return QuestionSet(self.name, self.source, chosen, self.folder, self.documents)


def _half(case: Case, titles: Mapping[str, str]) -> Half:
    # An unanswerable question has no document: it stands for itself.
    uri = case.evidence[0].uri if case.evidence else ""
    title = titles.get(uri, case.id)
    return Half.HELD_OUT if hashlib.sha256(title.encode()).digest()[0] % 2 else Half.DEVELOPMENT


# The datasets that ask about the handbook.
_HANDBOOK = {"golden": "handbook", "fresh": "handbook-fresh", "second": "handbook-second"}
NAMES = ("chunking-eval", "clapnq-dev", "xquad", "sec-10q", *_HANDBOOK, "kite")


def question_set(name: str, data: Path) -> QuestionSet:
    """The set of this name, out of the folder of research sets. Raises InputError where it is not there."""
    if dataset := _HANDBOOK.get(name):
        return QuestionSet(name, "docs", tuple(load_cases(DATASETS / f"{dataset}.jsonl")), _DOCS)
    if name == "chunking-eval":
        return _own(name, chunking_eval.read(data / name, name))
    if name == "clapnq-dev":
        return _own(name, clapnq.read(data / name / "annotated_data" / "dev", name))
    if name == "xquad":
        return _own(name, xquad.read(data / name / "xquad.en.json", name))
    if name == "sec-10q":
        reports = data / name / "sec-10-q" / "data" / "v1"
        return QuestionSet(name, name, sec_10q.read(reports, name).cases, reports / "docs")
    if name == "kite":
        return QuestionSet(name, "content", kite.read(data / "handbook" / "kite", "").cases, data / "handbook/handbook")
    raise InputError(f"There is no set {name!r}.", hint=f"There are {', '.join(NAMES)}.")


def _own(name: str, found: ResearchSet) -> QuestionSet:
    return QuestionSet(name, name, _sound(found.cases), documents=found.documents)


def _sound(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Each question once: a set that asks one twice would count it twice."""
    return tuple({case.id: case for case in cases}.values())
