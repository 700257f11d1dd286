"""Why an answer was bad: the causes there are, what a diagnosis is about, and what it says.

subject = DiagnosisSubject.of_vote(feedback.id)
str(subject)                                   # "feedback:6c0f…"
DiagnosisSubject.parse("evaluation:6c0f…:3:candidate").evaluation_id
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.errors import InputError


class Cause(StrEnum):
    """Why an answer was bad; the values are stored. docs/explanation/diagnosis.md says how each is told from the
    others."""

    CORPUS_GAP = "corpus_gap"
    NOT_INDEXED = "not_indexed"
    RETRIEVAL_MISS = "retrieval_miss"
    RANKING_MISS = "ranking_miss"
    GENERATION_FAULT = "generation_fault"
    STALE_SOURCE = "stale_source"
    WRONG_VOTE = "wrong_vote"


class SubjectKind(StrEnum):
    """What was diagnosed. The values begin what is stored of a subject."""

    FEEDBACK = "feedback"
    EVALUATION = "evaluation"

    @property
    def prefix(self) -> str:
        """How the subjects of this kind begin, for databases to look for."""
        return f"{self.value}:"


_SUBJECT = re.compile(
    r"feedback:(?P<vote_id>[^:\s]+)|evaluation:(?P<evaluation_id>[^:\s]+):(?P<ordinal>\d+):(?P<side>candidate|baseline)"
)


@dataclass(frozen=True, slots=True)
class DiagnosisSubject:
    """What a diagnosis is about: the answer that a vote is on, or one side's answer to an evaluation's case.

    `vote_id` is the feedback's id; the others are None then, and it is where they are not. Written as feedback:<id> or
    evaluation:<id>:<ordinal>:<side>.
    """

    vote_id: str | None = None
    evaluation_id: str | None = None
    ordinal: int | None = None
    side: str | None = None

    @classmethod
    def of_vote(cls, vote_id: str) -> DiagnosisSubject:
        return cls(vote_id=vote_id)

    @classmethod
    def of_case(cls, evaluation_id: str, ordinal: int, side: str) -> DiagnosisSubject:
        return cls(evaluation_id=evaluation_id, ordinal=ordinal, side=side)

    @classmethod
    def parse(cls, text: str) -> DiagnosisSubject:
        """The subject that was written so. Raises InputError for a text that is none."""
        found = _SUBJECT.fullmatch(text)
        if found is None:
            raise InputError(
                f"{text[:100]!r} is no subject of a diagnosis.",
                hint="It is feedback:<id> or evaluation:<id>:<ordinal>:<side>.",
            )
        ordinal = found["ordinal"]
        return cls(found["vote_id"], found["evaluation_id"], None if ordinal is None else int(ordinal), found["side"])

    @property
    def kind(self) -> SubjectKind:
        return SubjectKind.EVALUATION if self.vote_id is None else SubjectKind.FEEDBACK

    def __str__(self) -> str:
        if self.vote_id is not None:
            return f"{self.kind.prefix}{self.vote_id}"
        return f"{self.kind.prefix}{self.evaluation_id}:{self.ordinal}:{self.side}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why one answer was bad, with the evidence.

    `certainty` is between 0 and 1; `evidence` is what was looked at and found, as JSON, for people to check; `version`
    changes with the rules. The newest diagnosis of a subject is the one that stands.
    """

    id: str
    subject: DiagnosisSubject
    at: datetime
    release_id: str
    collection: str
    revision: int
    question: str
    cause: Cause
    certainty: float
    summary: str
    evidence: Mapping[str, Any]
    version: str
