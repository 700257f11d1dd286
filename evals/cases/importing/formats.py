"""The formats that can be imported, and how one is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from core.errors import InputError
from evals.cases.cases import check_cases, load_cases
from evals.cases.importing import (
    chunking_eval,
    clapnq,
    csv_file,
    feedbackqa,
    kite,
    mtrag,
    sec_10q,
    xquad,
)
from evals.cases.importing.imported import Imported


@dataclass(frozen=True, slots=True)
class Format:
    """A format: `path` says what to name on the command line, `source` what its documents' URIs begin with unless told
    otherwise, `documents` whether it brings its documents along."""

    name: str
    about: str
    path: str
    read: Callable[[Path, str], Imported]
    source: str = ""
    documents: bool = False


def _read_jsonl(path: Path, _source: str) -> Imported:
    return Imported(tuple(load_cases(path)))


_mtrag_clapnq = partial(mtrag.read, domain="clapnq")
_mtrag_fiqa = partial(mtrag.read, domain="fiqa")

FORMATS = {
    format.name: format
    for format in (
        Format("jsonl", "RAGLoop's own", "file", _read_jsonl),
        Format("csv", "a table from a spreadsheet", "file", csv_file.read),
        Format("xquad", "XQuAD and SQuAD", "file", xquad.read, "xquad", True),
        Format("chunking-eval", "Chroma's chunking evaluation", "folder", chunking_eval.read, "chunking-eval", True),
        Format("clapnq", "ClapNQ, answerable and not", "folder", clapnq.read, "clapnq", True),
        Format("mtrag-clapnq", "MTRAG, Wikipedia", "folder", _mtrag_clapnq, "mtrag-clapnq", True),
        Format("mtrag-fiqa", "MTRAG, finance", "folder", _mtrag_fiqa, "mtrag-fiqa", True),
        Format("feedbackqa", "FeedbackQA", "folder", feedbackqa.read, "feedbackqa", True),
        Format("kite", "KITE's questions with gold answers", "file or folder", kite.read),
        Format("sec-10q", "Docugami's questions over 10-Q reports", "file or folder", sec_10q.read, "docs"),
    )
}  # fmt: skip


def find_format(name: str) -> Format:
    """The format of this name. Raises InputError that lists them."""
    if name not in FORMATS:
        known = "; ".join(f"{each.name} ({each.about}: {each.path})" for each in FORMATS.values())
        raise InputError(f"There is no format {name[:80]}.", hint=f"There are {known}.")
    return FORMATS[name]


def import_cases(
    format: Format, path: Path, *, source: str | None = None, limit: int | None = None, seed: int = 7
) -> Imported:
    """What the file or folder holds; with `limit`, a sample of that many cases, the same for the same seed.

    Raises InputError that names file, line and field.
    """
    if source is not None and not format.source and format.name != "csv":
        raise InputError(f"Cases of the format {format.name} do not take a source.", hint="Leave --source away.")
    imported = format.read(path.expanduser(), format.source if source is None else source)
    check_cases(imported.cases, path.name)
    if limit is None or limit >= len(imported.cases):
        return imported
    chosen = sorted(random.Random(seed).sample(range(len(imported.cases)), limit))  # noqa: S311 - a sample, no secret
    return replace(imported, cases=tuple(imported.cases[number] for number in chosen))
