"""The research sets that can be turned into JSONL, and how one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from core.errors import InputError
from evals.cases.cases import check_cases
from evals.cases.formats import sample
from tools.importers import chunking_eval, clapnq, feedbackqa, kite, mtrag, sec_10q, xquad
from tools.importers.research_set import ResearchSet


@dataclass(frozen=True, slots=True)
class Format:
    """A format: `path` says what to name on the command line, `source` what its documents' URIs begin with unless told
    otherwise, `documents` whether it brings its documents along."""

    name: str
    about: str
    path: str
    read: Callable[[Path, str], ResearchSet]
    source: str = ""
    documents: bool = False


_mtrag_clapnq = partial(mtrag.read, domain="clapnq")
_mtrag_fiqa = partial(mtrag.read, domain="fiqa")

FORMATS = {
    format.name: format
    for format in (
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


def read_set(
    format: Format, path: Path, *, source: str | None = None, limit: int | None = None, seed: int = 7
) -> ResearchSet:
    """What the file or folder holds; with `limit`, a sample of that many cases, the same for the same seed.

    Raises InputError that names file, line and field.
    """
    if source is not None and not format.source:
        raise InputError(f"Cases of the format {format.name} do not take a source.", hint="Leave --source away.")
    found = format.read(path.expanduser(), format.source if source is None else source)
    check_cases(found.cases, path.name)
    return replace(found, cases=tuple(sample(found.cases, limit, seed)))
