"""KITE: questions about a company's handbook with gold answers, which do not say where their evidence stands."""

from __future__ import annotations

from pathlib import Path

from evals.cases.foreign_files import make_case
from tools.importers.foreign_json import ForeignObject, find_file, json_file
from tools.importers.research_set import ResearchSet


class _KiteQuestion(ForeignObject):
    query: str
    gt_answer: str


def read(path: Path, _source: str) -> ResearchSet:
    """The questions of a file such as queries/sourcegraph.json."""
    if path.is_dir():
        path = find_file(path / "queries" if (path / "queries").is_dir() else path, "*.json")
    cases = (
        make_case(
            f"{path.name}, question {number}",
            id=f"kite-{number:02}",
            question=item.query,
            answer=item.gt_answer,
            origin="kite",
        )
        for number, item in enumerate(json_file(path, list[_KiteQuestion]), start=1)
    )
    return ResearchSet(tuple(cases))
