"""The values of the loop: votes, what a person made of them, and what is done about bad answers.

A vote is stored as it came and never changed. A person accepts, edits or dismisses it (FeedbackDecision); an accepted
one is an evaluation case or a training pair, never both (FeedbackSide). Each bad answer has a Diagnosis
(core.diagnosis). Where many of one cause come together, a trigger fires (Firing), and its remedy makes a candidate
release or asks for content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.answer_snapshot import AnswerSnapshot
from core.frozen import Frozen
from core.types import AccessScope, Turn

# All values of the enumerations are stored.


class Vote(StrEnum):
    UP = "up"
    DOWN = "down"


class FeedbackReason(StrEnum):
    """What a person says was wrong with an answer."""

    WRONG = "wrong"
    INCOMPLETE = "incomplete"
    NOT_IN_DOCUMENTS = "not_in_documents"
    OUT_OF_DATE = "out_of_date"
    BAD_CITATION = "bad_citation"
    UNSAFE = "unsafe"
    STYLE = "style"


class VoteStanding(StrEnum):
    """Whether a vote counts: `repeated` ones say what their author said before, `synthetic` ones come from programs
    that try the system out. All are kept; only counted ones move anything."""

    COUNTED = "counted"
    REPEATED = "repeated"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class CitationVote:
    """A vote on one citation of an answer, by its marker."""

    marker: int
    vote: Vote


@dataclass(frozen=True, slots=True)
class Feedback:
    """A vote on an answer, with a snapshot of the answer, so that it is kept when the record of the answer is deleted.

    `author` is the name of who voted, `access` what they may see (None for everything). A later vote of the same author
    on the same answer takes the place of an earlier one.
    """

    id: str
    at: datetime
    author: str
    api_key_id: str | None
    access: Sequence[str] | None
    origin: str
    standing: VoteStanding
    idempotency_key: str
    body_sha256: str
    interaction_id: str
    release_id: str
    vote: Vote
    reason: FeedbackReason | None
    comment: str
    correction: str
    citations: Sequence[CitationVote]
    interaction: AnswerSnapshot

    @property
    def scope(self) -> AccessScope:
        """What its author may see."""
        return AccessScope.recorded(self.access)

    @property
    def question(self) -> str:
        return self.interaction.question

    @property
    def answer(self) -> str:
        return self.interaction.answer


class FeedbackSide(StrEnum):
    """What accepted feedback becomes."""

    CASE = "case"
    TRAINING = "training"


class DecisionKind(StrEnum):
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


class AcceptedEvidence(Frozen):
    """Where an accepted case's answer stands: the quote in the document, which begins at `start` if it is known."""

    uri: str
    quote: str
    start: int | None


class AcceptedCase(Frozen):
    """The evaluation case that was made of feedback, as it was then: evals.cases.cases.Case says what its fields mean,
    and what a new one may hold."""

    id: str
    question: str
    history: tuple[Turn, ...]
    answer: str
    evidence: tuple[AcceptedEvidence, ...]
    tags: tuple[str, ...]
    unanswerable: bool
    group: str
    origin: str
    locked: bool

    def without_words(self) -> AcceptedCase:
        """Only which case it is, for who may not read what it says."""
        return self.model_copy(update={"question": "", "answer": "", "history": (), "evidence": (), "tags": ()})


class TaughtPassage(Frozen):
    """A passage of a training pair."""

    title: str
    text: str


class TrainingPair(Frozen):
    """The training row that was made of feedback, as it was then: serving.finetune.dataset.TrainingRow says what its
    fields mean, and what a new one may hold."""

    question: str
    history: tuple[Turn, ...]
    passages: tuple[TaughtPassage, ...]
    answer: str
    rejected: str | None


@dataclass(frozen=True, slots=True)
class FeedbackDecision:
    """What a person made of one piece of feedback, once. `content` is None for dismissed feedback."""

    feedback_id: str
    kind: DecisionKind
    content: AcceptedCase | TrainingPair | None
    actor: str
    reason: str
    at: datetime

    @property
    def side(self) -> FeedbackSide | None:
        """The side it is on; None for dismissed feedback."""
        if self.content is None:
            return None
        return FeedbackSide.CASE if isinstance(self.content, AcceptedCase) else FeedbackSide.TRAINING


class Remedy(StrEnum):
    """What is done about a cause. All but `content` make a candidate release; none touches what is live."""

    REINDEX = "reindex"
    REFIT = "refit"
    RETUNE = "retune"
    CONTENT = "content"


class FiringState(StrEnum):
    """`open`: nothing was done yet. `running`: its remedy is at work. `candidate`: a release waits for its evaluation
    and for a person. `requested`: content was asked for. `failed` says why in `detail`. `closed`: done or dismissed."""

    OPEN = "open"
    RUNNING = "running"
    CANDIDATE = "candidate"
    REQUESTED = "requested"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Firing:
    """A trigger that fired: what was seen (`evidence`: counts, threshold, window, the diagnoses' subjects), in words
    (`reason`), and what its remedy is to do (`proposal`: the parameters of a rebuild, a tuning, a release)."""

    id: str
    trigger: str
    remedy: Remedy
    at: datetime
    reason: str
    evidence: Mapping[str, Any]
    state: FiringState
    changed_at: datetime
    proposal: Mapping[str, Any] = field(default_factory=dict)
    release_id: str | None = None
    detail: str = ""
