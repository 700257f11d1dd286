"""Docugami's questions over quarterly reports: gold answers that people checked, and which reports they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from core.errors import InputError
from evals.cases.cases import Case
from evals.cases.foreign_files import make_case, read_text, table, uri_of
from tools.importers.foreign_json import find_file, require_columns
from tools.importers.research_set import ResearchSet

QUESTIONS = "qna_data.csv"
_COLUMNS = ("Question", "Source Docs", "Question Type", "Source Chunk Type", "Answer")


def read(path: Path, source: str) -> ResearchSet:
    """The questions of qna_data.csv. Its column Source Docs is a pattern of names in the folder `docs` beside it; each
    of those documents is evidence as a whole."""
    file = find_file(path, QUESTIONS)
    reports = sorted(report.name for report in (file.parent / "docs").glob("*.pdf"))
    cases = []
    for number, (place, row) in enumerate(table(read_text(file), file.name, ","), start=1):
        require_columns(row, _COLUMNS, place)
        cases.append(_case(number, row, reports, source, place))
    return ResearchSet(tuple(cases))


def _case(number: int, row: Mapping[str, str], reports: Sequence[str], source: str, place: str) -> Case:
    wanted = [name for name in reports if fnmatchcase(name, row["Source Docs"])]
    if not wanted:
        raise InputError(
            f"{place}: no report is named like {row['Source Docs'][:80]}.", hint="The folder docs must be beside it."
        )
    return make_case(
        place,
        id=f"sec-10q-{number:03}",
        question=row["Question"],
        answer=row["Answer"],
        evidence=[{"uri": uri_of(source, name)} for name in wanted],
        tags=[tag for column in ("Question Type", "Source Chunk Type") if (tag := _tag(row[column]))],
        origin="sec-10q",
    )


def _tag(text: str) -> str:
    """`Single-Doc Multi-Chunk RAG` as `single-doc-multi-chunk`."""
    return re.sub(r"[^a-z]+", "-", text.lower().removesuffix("rag")).strip("-")
