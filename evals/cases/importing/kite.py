"""KITE: questions about a company's handbook with gold answers, which do not say where their evidence stands."""

from __future__ import annotations

from pathlib import Path

from evals.cases.importing.imported import Imported
from evals.cases.importing.reading import Shape, find_file, json_file, make_case


class _Question(Shape):
    query: str
    gt_answer: str


def read(path: Path, _source: str) -> Imported:
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
        for number, item in enumerate(json_file(path, list[_Question]), start=1)
    )
    return Imported(tuple(cases))
