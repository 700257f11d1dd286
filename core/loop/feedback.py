"""The values of the loop: votes, what a person made of them, and what is done about bad answers.

A vote is stored as it came and never changed. A person accepts, edits or dismisses it (FeedbackDecision); an accepted
one is an evaluation case or a training pair, never both (FeedbackSide). Each bad answer has a Diagnosis
(core.loop.diagnosis). Where many of one cause come together, a trigger fires: on what evidence, what its remedy is to
do about it, and what became of that is a Firing. What each remedy proposes is its own matter (loop/remedies/catalogue);
here is what all proposals have in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from core.frozen import Frozen
from core.loop.answer_snapshot import AnswerSnapshot
from core.loop.diagnosis import DiagnosisSubject
from core.loop.enums import DecisionKind, FeedbackReason, FeedbackSide, FiringState, Vote, VoteStanding
from core.types import AccessScope, Turn


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

    def without_words(self) -> TrainingPair:
        """Only that there is one, for who may not read what it says."""
        return self.model_copy(update={"question": "", "answer": "", "history": (), "passages": (), "rejected": None})


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


class SeenComplaints(Frozen):
    """What a trigger of complaints saw: how many there were, of how many people, and the subjects of those that weighed
    something."""

    kind: Literal["complaints"] = "complaints"
    complaints: int
    accepted: int
    authors: int
    subjects: tuple[str, ...] = ()


class SeenAnswers(Frozen):
    """How many answers of now were compared with how many before, and how often chance alone makes the difference."""

    kind: Literal["answers"] = "answers"
    answers: int
    answers_before: int
    reference_days: float
    p_value: float | None = None


class SeenSources(Frozen):
    """How long ago each source was read to its end, in days, and which `sources` are to be read again."""

    kind: Literal["sources"] = "sources"
    sources: tuple[str, ...] = ()
    ages_days: Mapping[str, float] = Field(default_factory=dict)


Seen = Annotated[SeenComplaints | SeenAnswers | SeenSources, Field(discriminator="kind")]


class FiringEvidence(Frozen):
    """Why a trigger fired: what it measured and its threshold, how far back it looked, and what it saw there. `by` is
    who fired it by hand; `value` is None where too little was there to measure, `seen` where nothing was."""

    value: float | None
    threshold: float
    since: datetime
    by: str | None = None
    seen: Seen | None = None

    @property
    def subjects(self) -> tuple[DiagnosisSubject, ...]:
        """The diagnoses that the firing is about, without those that were erased."""
        written = self.seen.subjects if isinstance(self.seen, SeenComplaints) else ()
        return tuple(DiagnosisSubject.parse(subject) for subject in written if DiagnosisSubject.is_one(subject))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the firing is about."""
        return self.seen.sources if isinstance(self.seen, SeenSources) else ()


class RemedyProposal(Frozen):
    """What a remedy is to do, with what was measured. `kind` tells the proposals of one remedy from those of others."""

    kind: str


Figures = TypeVar("Figures", bound=Frozen)


class NothingBetter(RemedyProposal, Generic[Figures]):
    """That nothing is done, and `why`: the firing is closed with it. `figures` are what was measured."""

    kind: Literal["nothing_better"] = "nothing_better"
    why: str
    figures: Figures | None = None


class NotInstalled(RemedyProposal):
    """What a remedy proposed that is no longer installed, as it is `stored`: it is shown, and cannot be carried out."""

    kind: Literal["not_installed"] = "not_installed"
    stored: Any


@dataclass(frozen=True, slots=True)
class Firing:
    """A trigger that fired: what was seen, in words (`reason`) and figures, and the name of its remedy with what that
    is to do, once it was proposed. `changed_at` is when it came to its state."""

    id: str
    trigger: str
    remedy: str
    at: datetime
    reason: str
    evidence: FiringEvidence
    state: FiringState
    changed_at: datetime
    proposal: RemedyProposal | None = None
    release_id: str | None = None
    detail: str = ""


def form_json(form: Frozen | None) -> dict[str, Any]:
    """Evidence or a proposal as the public surface shows it; nothing for none."""
    return {} if form is None else form.model_dump(mode="json", exclude_none=True)
