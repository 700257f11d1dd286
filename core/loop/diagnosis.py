"""Why an answer was bad: the causes there are, what a diagnosis is about, and what it says.

subject = DiagnosisSubject.of_vote(feedback.id)
str(subject)                                   # "feedback:6c0f…"
DiagnosisSubject.parse("evaluation:6c0f…:3:candidate").evaluation_id
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import InputError
from core.frozen import Frozen


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

    @staticmethod
    def is_one(text: str) -> bool:
        """Whether a subject was written so."""
        return _SUBJECT.fullmatch(text) is not None

    @property
    def kind(self) -> SubjectKind:
        return SubjectKind.EVALUATION if self.vote_id is None else SubjectKind.FEEDBACK

    def __str__(self) -> str:
        if self.vote_id is not None:
            return f"{self.kind.prefix}{self.vote_id}"
        return f"{self.kind.prefix}{self.evaluation_id}:{self.ordinal}:{self.side}"


class Sought(StrEnum):
    """What was looked for. The values are stored."""

    CORRECTION = "correction"
    EVIDENCE = "evidence"
    QUESTION = "question"


class SourceState(StrEnum):
    """How a source's file stands to what was made of it. The values are stored."""

    CHANGED = "changed"
    """It was indexed, and has changed since."""
    NEW = "new"
    """It was never ingested."""
    FAILED = "failed"
    """It could not be converted."""
    MISREAD = "misread"
    """It was converted, and what it says is not in the text."""


class OpposingPlace(Frozen):
    """Where a document says nearly the same, but otherwise: `document.text[start:end] == quote`."""

    uri: str
    start: int
    end: int
    quote: str


class FoundPlace(Frozen):
    """Where a document holds a part of what was looked for, and how far. `quote` may be cut; a `fresh` one is in the
    source's file and not in what is stored."""

    uri: str
    start: int
    end: int
    quote: str
    score: float
    fresh: bool


class EvidenceScores(Frozen):
    """How far the best chunk, document, hidden document and source's file hold it, from 0 to 1; `source` is None where
    no source was read."""

    chunks: float
    documents: float
    hidden: float
    source: float | None


class DiagnosisEvidence(Frozen):
    """What was looked at and found, for people to check and for remedies to work on.

    `documents` are the URIs of those that hold it, `passages` where. `rank` is that of the first right passage now,
    `rank_in_context` that among the answer's own, of which `handed` were read. `said` is how far the answer says it,
    `says_it_with_right_passage` how far `answer_with_right_passage` does, where that was asked for. `source_uri` is a
    file that holds it, or that has changed; `judged` what a judge said of the answer.
    """

    correction: str
    sought: Sought
    documents: tuple[str, ...]
    passages: tuple[FoundPlace, ...]
    rank: int | None
    rank_in_context: int | None
    handed: int
    said: float
    answer_with_right_passage: str | None
    says_it_with_right_passage: float | None
    source_uri: str | None
    source_state: SourceState | None
    judged: str | None
    otherwise: OpposingPlace | None
    unread_sources: tuple[str, ...]
    scores: EvidenceScores

    @property
    def uris(self) -> frozenset[str]:
        """Every document and file that is spoken of, and every source that could not be read."""
        named = {*self.documents, *self.unread_sources, *(place.uri for place in self.passages)}
        named |= {self.otherwise.uri} if self.otherwise else set()
        return frozenset(named | ({self.source_uri} if self.source_uri else set()))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why one answer was bad, with the evidence.

    `certainty` is between 0 and 1; `version` changes with the rules. The newest diagnosis of a subject is the one that
    stands.
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
    evidence: DiagnosisEvidence
    version: str
