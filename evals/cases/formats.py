"""The formats of cases that `ragloop eval import` reads."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from evals.cases import csv_file
from evals.cases.cases import Case, check_cases, load_cases

FORMATS = ("jsonl", "csv")
# What `python -m tools.importers` turns into JSONL. It is in RAGLoop's repository and not in the package.
RESEARCH_SETS = (
    "xquad", "chunking-eval", "clapnq", "mtrag-clapnq", "mtrag-fiqa", "feedbackqa", "kite", "sec-10q",
)  # fmt: skip


def check_format(name: str) -> None:
    """Raises InputError unless cases of this format can be read."""
    if name in FORMATS:
        return
    hint = "There are jsonl, RAGLoop's own, and csv, a table from a spreadsheet."
    if name in RESEARCH_SETS:
        hint = f"`python -m tools.importers {name} PATH --cases FILE` in RAGLoop's repository turns it into jsonl."
    raise InputError(f"There is no format {name[:80]}.", hint=hint)


def import_cases(
    name: str, path: Path, *, source: str | None = None, limit: int | None = None, seed: int = 7
) -> list[Case]:
    """The cases of the file. A table's documents are named within `source`; with `limit`, a sample of that many.

    Raises InputError that names file, line and field.
    """
    check_format(name)
    if name == "jsonl":
        if source is not None:
            raise InputError("Cases of the format jsonl do not take a source.", hint="Leave --source away.")
        return sample(load_cases(path.expanduser()), limit, seed)
    cases = csv_file.read(path.expanduser(), source or "")
    check_cases(cases, path.name)
    return sample(cases, limit, seed)


def sample(cases: Sequence[Case], limit: int | None, seed: int) -> list[Case]:
    """That many of the cases in their order, the same ones for the same seed; all of them without a limit."""
    if limit is None or limit >= len(cases):
        return list(cases)
    chosen = sorted(random.Random(seed).sample(range(len(cases)), limit))  # noqa: S311 - a sample, no secret
    return [cases[number] for number in chosen]
