"""Evaluation cases: a question, what a good answer is, and where its evidence stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import InputError
from core.types import digest

DATASETS = Path(__file__).parent / "datasets"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GoldEvidence(_Frozen):
    """A stretch of a document that holds the answer, or a part of it: the quote's place, or, where no quote is known,
    the whole document. `start` says where the quote begins if it occurs more than once."""

    uri: str
    quote: str = ""
    start: int | None = Field(None, ge=0)

    def span(self, text: str) -> tuple[int, int] | None:
        """Where the quote stands in the document's text, line breaks and spaces being alike, the occurrence nearest to
        `start` if that is known; all of the text without a quote; None if the text does not hold the quote."""
        if not self.quote.split():
            return (0, len(text))
        pattern = r"\s+".join(re.escape(word) for word in self.quote.split())
        found = [match.span() for match in re.finditer(pattern, text)]
        return min(found, key=lambda span: abs(span[0] - (self.start or 0)), default=None)


class CaseTurn(_Frozen):
    """One message before the question."""

    role: Literal["user", "assistant"]
    content: str


class Case(_Frozen):
    """One question with its gold answer. An unanswerable one has neither answer nor evidence.

    `group` joins cases that ask the same thing with names or dialect changed: their answers should agree. A locked case
    came from a complaint: it may never be trained on, and an answer that was right may not become wrong again.
    """

    id: str
    question: str
    history: tuple[CaseTurn, ...] = ()
    answer: str = ""
    evidence: tuple[GoldEvidence, ...] = ()
    tags: tuple[str, ...] = ()
    unanswerable: bool = False
    group: str = ""
    origin: str = "written"
    locked: bool = False

    @property
    def sha256(self) -> str:
        """The hash of everything the case says."""
        return digest(self.model_dump(mode="json"))

    @model_validator(mode="after")
    def _consistent(self) -> Case:
        if self.unanswerable and (self.evidence or self.answer):
            raise ValueError("an unanswerable case has neither answer nor evidence")
        if not self.unanswerable and not self.evidence and not self.answer:
            raise ValueError("an answerable case needs a gold answer or evidence")
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
