"""Evaluation cases: a question, what a good answer is, and where its evidence stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from core.errors import InputError

DATASETS = Path(__file__).parent / "datasets"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GoldEvidence(_Frozen):
    """A stretch of a document that holds the answer, or a part of it."""

    uri: str
    quote: str

    def span(self, text: str) -> tuple[int, int] | None:
        """Where the quote stands in the document's text, line breaks and spaces being alike; None if it does not."""
        pattern = r"\s+".join(re.escape(word) for word in self.quote.split())
        match = re.search(pattern, text)
        return match.span() if match else None


class CaseTurn(_Frozen):
    """One message before the question."""

    role: Literal["user", "assistant"]
    content: str


class Case(_Frozen):
    """One question with its gold answer. An unanswerable one has neither answer nor evidence."""

    id: str
    question: str
    history: tuple[CaseTurn, ...] = ()
    answer: str = ""
    evidence: tuple[GoldEvidence, ...] = ()
    tags: tuple[str, ...] = ()
    unanswerable: bool = False
    origin: str = "written"
    locked: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Case:
        if self.unanswerable == bool(self.evidence):
            raise ValueError("an answerable case needs evidence, an unanswerable one has none")
        return self


def load_cases(path: Path) -> list[Case]:
    """The cases of a JSONL file. Raises InputError that names the line at fault."""
    cases: list[Case] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            cases.append(Case.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{path.name}, line {number}: {place} {first['msg']}.") from error
    _refuse_duplicates(path, (case.id for case in cases))
    return cases


def _refuse_duplicates(path: Path, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for case_id in ids:
        if case_id in seen:
            raise InputError(f"{path.name}: two cases have the id {case_id}.")
        seen.add(case_id)
