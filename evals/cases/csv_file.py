"""A table of cases as people write it in a spreadsheet: one row a case, columns by name.

    question,answer,document,quote,tags,unanswerable
    Who approves travel?,The team lead.,policies/travel.md,The team lead approves it.,travel;approval,

Only `question` is needed. The columns may stand in any order; the delimiter is a comma, semicolon, tab or bar.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.types import digest
from evals.cases.cases import Case
from evals.cases.foreign_files import make_case, read_text, table, uri_of

COLUMNS = ("id", "question", "answer", "document", "quote", "tags", "unanswerable", "group", "locked")
_DELIMITERS = ",;\t|"
_YES = frozenset({"yes", "true", "1", "x", "y"})
_NO = frozenset({"no", "false", "0", "", "n"})


@dataclass
class _TableCase:
    """A case while its rows are read: the first says all but the evidence, which further rows may add to."""

    place: str
    fields: dict[str, Any]
    evidence: list[Mapping[str, str]] = field(default_factory=list)


def read(path: Path, source: str) -> list[Case]:
    """The cases of the file. A row without question adds its document and quote to the case above. Raises InputError
    that names the line, or a column that there is not."""
    header, text = _header(path)
    begun: list[_TableCase] = []
    for place, raw in table(text, path.name, header):
        row = {_column(name): value.strip() for name, value in raw.items()}
        if not any(row.values()):
            continue
        if row["question"]:
            begun.append(_TableCase(place, _fields(row, place)))
        elif not begun or any(row.get(name) for name in COLUMNS if name not in ("document", "quote")):
            raise InputError(
                f"{place}: question: it is empty.",
                hint="A row without question adds a document and a quote to the case above, and nothing else.",
            )
        if row.get("document") or row.get("quote"):
            begun[-1].evidence.append(_evidence(row, source))
    return [make_case(one.place, **one.fields, evidence=one.evidence, origin="csv") for one in begun]


def _header(path: Path) -> tuple[str, str]:
    """The delimiter, and the text, once the columns are known to be good."""
    text = read_text(path)
    line = text.partition("\n")[0].strip()
    delimiter = max(_DELIMITERS, key=lambda mark: sum(_column(name) in COLUMNS for name in _split(line, mark)))
    names = [_column(name) for name in _split(line, delimiter)]
    if "question" not in names:
        raise InputError(f"{path.name}, line 1: there is no column question.", hint=f"Columns: {', '.join(COLUMNS)}.")
    for name in names:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            raise InputError(
                f"{path.name}, line 1: there is no column {name[:80]!r}.",
                hint=f"Did you mean {near[0]}?" if near else f"Columns: {', '.join(COLUMNS)}.",
            )
        if names.count(name) > 1:
            raise InputError(f"{path.name}, line 1: two columns are named {name}.", hint="Keep one of them.")
    return delimiter, text


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _column(name: str) -> str:
    return name.strip().lower()


def _fields(row: Mapping[str, str], place: str) -> dict[str, Any]:
    return {
        "id": row.get("id") or _id(row["question"]),
        "question": row["question"],
        "answer": row.get("answer", ""),
        "tags": tuple(dict.fromkeys(tag.strip() for tag in row.get("tags", "").split(";") if tag.strip())),
        "group": row.get("group", ""),
        "unanswerable": _flag(row, "unanswerable", place),
        "locked": _flag(row, "locked", place),
    }


def _evidence(row: Mapping[str, str], source: str) -> Mapping[str, str]:
    document = row.get("document", "")
    return {"uri": uri_of(source, document) if document else "", "quote": row.get("quote", "")}


def _flag(row: Mapping[str, str], column: str, place: str) -> bool:
    value = row.get(column, "").lower()
    if value not in _YES | _NO:
        raise InputError(
            f"{place}: {column}: {value[:80]!r} is neither yes nor no.", hint="Write yes, or leave it empty."
        )
    return value in _YES


def _id(question: str) -> str:
    """The same question has the same id in every file: its first words, and a piece of its hash."""
    words = "-".join(re.findall(r"[a-z0-9]+", question.lower())[:6])
    return f"{words[:80]}-{digest(question)[:6]}".lstrip("-")
