"""What a person makes of feedback: an evaluation case, a training row, or nothing. Decided once, in one transaction.

    Acceptance(database).accept(feedback_id, Edited("How long is support?", "Five years.", evidence), actor)

A case goes into the dataset `feedback`, locked: it is part of every evaluation from then on, and only an erasure takes
it out. loop.feedback.sides says which of the two it becomes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError
from sqlalchemy import Connection

from core.errors import ConflictError, InputError, NotFoundError
from core.loop.enums import DecisionKind, FeedbackSide, Vote, VoteStanding
from core.loop.feedback import AcceptedCase, Feedback, FeedbackDecision, TrainingPair
from core.permissions import Deed, require
from core.storage.database import Database
from core.storage.evals.datasets import case_contents, extend, find_version, retried
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository, record_decision, standing_votes
from core.storage.visibility import Visibility, provenance_of
from core.text.citation_marker import markers, without_markers
from core.types import PUBLIC, AccessScope, Actor, Turn, document_id
from evals.cases.cases import (
    MOST_PARTS,
    Case,
    CaseTurn,
    GoldEvidence,
    explain,
)
from evals.cases.dataset_store import FEEDBACK, stored
from evals.cases.training_leakage import all_datasets
from loop.feedback.case_evidence import evidence_beyond
from loop.feedback.sides import Placed, side_of, taught_cases
from loop.feedback.training_rows import EvidencePlace, history, training_row
from serving.finetune.dataset import TrainingRow

# Digits of the feedback's id in the id of its case.
_SHORT = 8


@dataclass(frozen=True, slots=True)
class Edited:
    """The feedback as a person lets it stand. Without `evidence` the places that the diagnosis found are taken;
    `unanswerable` says that the documents do not hold the answer, and then there is no correction."""

    question: str
    correction: str
    evidence: tuple[GoldEvidence, ...] = ()
    unanswerable: bool = False


class Acceptance:
    """Accepts and dismisses feedback. `language` is the documents', `scope` what the person who decides may see: there
    is no evidence beyond it. Only what rests on documents with one of the labels `teachable` is taught: everybody who
    asks the model could be told."""

    def __init__(
        self,
        database: Database,
        language: str = "english",
        *,
        scope: AccessScope = AccessScope.everything(),
        teachable: Collection[str] = (PUBLIC,),
    ) -> None:
        self._database = database
        self._language = language
        self._visibility = Visibility(database, scope)
        self._everybody = Visibility(database, AccessScope.of(*teachable))
        self._feedback = FeedbackRepository(database)

    def accept(self, feedback_id: str, edit: Edited, actor: Actor) -> FeedbackDecision:
        """Make a locked case or a training row of the feedback.

        Raises NotFoundError, ConflictError if it was decided before or is not its author's last word on the answer,
        InputError for what can be neither: no corrected answer, evidence that no document holds, a correction to teach
        that no passage supports.
        """
        given = self._open(feedback_id, actor)
        if given.standing is VoteStanding.SYNTHETIC:
            raise InputError("This feedback comes from a program that tries the system out.", hint="Dismiss it.")
        if standing_votes(self._feedback.lines_on(given.author, given.interaction_id))[0].id != given.id:
            raise ConflictError(
                "This is not its author's last word on the answer.",
                hint="Decide on what they said last, or dismiss it.",
            )
        edit = _completed(given, edit)
        places = self._places(given, edit)
        side = self._side(given, edit, places)
        if side is FeedbackSide.CASE:
            return self._add_case(given, edit, places, actor)
        row = self._row(given, edit, places)
        pair = TrainingPair.model_validate(row.model_dump())
        return self._record(_decision(given, DecisionKind.ACCEPTED, actor, pair))

    def dismiss(self, feedback_id: str, reason: str, actor: Actor) -> FeedbackDecision:
        """Put on record that the feedback is not to be followed, and why. Raises as `accept` does."""
        given = self._open(feedback_id, actor)
        if not reason.strip():
            raise InputError("Say why the feedback is dismissed.", hint="A sentence will do.")
        return self._record(_decision(given, DecisionKind.DISMISSED, actor, reason=reason.strip()))

    # -- before

    def _open(self, feedback_id: str, actor: Actor) -> Feedback:
        require(actor, Deed.DECIDE_ON_FEEDBACK)
        given = self._feedback.get(feedback_id)
        if given is None:
            raise NotFoundError(f"There is no feedback {feedback_id[:100]}.", hint="`ragloop feedback list` shows it.")
        if self._feedback.decision(feedback_id) is not None:
            raise _decided(feedback_id)
        return given

    def _places(self, given: Feedback, edit: Edited) -> list[EvidencePlace]:
        """Where the evidence stands in the documents: the person's, which must be there, or the diagnosis', as far as
        it is."""
        if edit.unanswerable:
            return []
        named = [self._place(evidence) for evidence in edit.evidence]
        if edit.evidence:
            missing = next((e for e, place in zip(edit.evidence, named, strict=True) if place is None), None)
            if missing is not None:
                raise InputError(
                    f"The document {missing.uri} does not hold the quoted evidence, or is not there.",
                    hint="Quote a sentence as the document has it now.",
                )
        else:
            named = [self._place(evidence) for evidence in self._diagnosed(given)]
        return [place for place in named if place is not None]

    def _diagnosed(self, given: Feedback) -> Sequence[GoldEvidence]:
        found = DiagnosisRepository(self._database).of_votes([given.id]).get(given.id)
        passages = found.evidence.passages if found else ()
        return [GoldEvidence(uri=p.uri, quote=p.quote, start=p.start) for p in passages[:MOST_PARTS]]

    def _place(self, evidence: GoldEvidence) -> EvidencePlace | None:
        document = self._visibility.document(document_id(evidence.uri))
        span = evidence.span(document.text) if document else None
        return EvidencePlace(evidence, document.title, document.text, *span) if document and span else None

    def _side(self, given: Feedback, edit: Edited, places: Sequence[EvidencePlace]) -> FeedbackSide:
        # No model learns from passages that they hold nothing: whether an answer is tried is decided before it.
        if edit.unanswerable or not self._may_be_taught(given, places):
            return FeedbackSide.CASE
        quotes = [place.evidence.quote for place in places]
        before = [Turn(turn.role, turn.content) for turn in history(given.interaction)]
        return side_of(edit.question, known(self._database), answer=edit.correction, quotes=quotes, history=before)

    def _may_be_taught(self, given: Feedback, places: Sequence[EvidencePlace]) -> bool:
        """Whether everybody may know every document that the answer was given from or that says the right one."""
        right = (document_id(place.evidence.uri) for place in places)
        return self._everybody.allows(provenance_of(given).with_documents(right))

    # -- what it becomes

    def _add_case(
        self, given: Feedback, edit: Edited, places: Sequence[EvidencePlace], actor: Actor
    ) -> FeedbackDecision:
        case = _case(given, edit, _evidence(given, places))

        def work(connection: Connection) -> FeedbackDecision:
            own = case if case.id not in _ids(connection) else case.model_copy(update={"id": f"feedback-{given.id}"})
            content = AcceptedCase.model_validate(own.model_dump())
            decision = _decision(given, DecisionKind.ACCEPTED, actor, content)
            if not record_decision(connection, decision):
                raise _decided(given.id)
            extend(connection, FEEDBACK, stored([own]), created_by=actor.name, reason=f"Accepted feedback {given.id}.")
            return decision

        return retried(self._database, work)

    def _row(self, given: Feedback, edit: Edited, places: Sequence[EvidencePlace]) -> TrainingRow:
        bad = given.vote is Vote.DOWN
        try:
            return training_row(given.interaction, edit.question, edit.correction, places, self._language, bad=bad)
        except ValidationError as error:
            raise InputError(f"This makes no training row: {explain(error)}", hint="Shorten or correct it.") from error

    def _record(self, decision: FeedbackDecision) -> FeedbackDecision:
        if not self._feedback.decide(decision):
            raise _decided(decision.feedback_id)
        return decision


def training_rows(database: Database) -> list[TrainingRow]:
    """Every row that accepted feedback teaches, oldest first, without those that some dataset has come to measure:
    a case always wins."""
    rows = _accepted_rows(database)
    measured = taught_cases(_cases(database), [_taught(row) for row in rows])
    return [row for number, row in enumerate(rows) if number not in measured]


def known(database: Database) -> list[Placed]:
    """Everything that has a side: the cases of every dataset, and the training rows of accepted feedback."""
    return [*_cases(database), *(_taught(row) for row in _accepted_rows(database))]


def _cases(database: Database) -> list[Placed]:
    return [_placed(case) for _, dataset in all_datasets(database) for case in dataset]


def _placed(case: Case) -> Placed:
    quotes = tuple(evidence.quote for evidence in case.evidence if evidence.quote)
    return Placed(case.question, FeedbackSide.CASE, case.answer, quotes, locked=case.locked)


def _taught(row: TrainingRow) -> Placed:
    before = tuple(Turn(turn.role, turn.content) for turn in row.history)
    cited = tuple(row.passages[number - 1].text for number in markers(row.answer))
    return Placed(row.question, FeedbackSide.TRAINING, without_markers(row.answer), history=before, shown=cited)


def _accepted_rows(database: Database) -> list[TrainingRow]:
    decisions = FeedbackRepository(database).decisions().values()
    pairs = [each.content for each in decisions if isinstance(each.content, TrainingPair)]
    return [TrainingRow.model_validate_json(pair.model_dump_json()) for pair in pairs]


def _completed(given: Feedback, edit: Edited) -> Edited:
    """The edit without what an unanswerable question cannot have, and with the answer that was voted up as its own
    correction. Raises InputError when there is nothing to hold an answer against."""
    question = edit.question.strip() or given.question
    if edit.unanswerable:
        return Edited(question, "", (), unanswerable=True)
    correction = edit.correction.strip() or (given.answer.strip() if given.vote is Vote.UP else "")
    if not correction:
        raise InputError(
            "There is no corrected answer.",
            hint="Write what the answer should have been, mark the question as unanswerable, or dismiss the feedback.",
        )
    return Edited(question, without_markers(correction), edit.evidence)


def _evidence(given: Feedback, places: Sequence[EvidencePlace]) -> list[GoldEvidence]:
    """What an answer has to cite: of an answer that was voted down, what it did not cite itself."""
    if given.vote is Vote.UP:
        return [place.evidence for place in places]
    return [evidence_beyond(place, given.interaction.citations) for place in places]


def _case(given: Feedback, edit: Edited, evidence: Sequence[GoldEvidence]) -> Case:
    try:
        return Case(
            id=f"feedback-{given.id[:_SHORT]}",
            question=edit.question,
            history=tuple(CaseTurn(role=turn.role, content=turn.content) for turn in history(given.interaction)),
            answer=edit.correction,
            evidence=tuple(evidence),
            tags=(given.reason.value,) if given.reason else (),
            unanswerable=edit.unanswerable,
            origin="feedback",
            locked=True,
        )
    except ValidationError as error:
        raise InputError(f"This makes no case: {explain(error)}", hint="Shorten or correct it.") from error


def _ids(connection: Connection) -> set[str]:
    """The ids of the cases that the dataset has."""
    version = find_version(connection, FEEDBACK)
    return {str(content["id"]) for content in case_contents(connection, version.cases if version else ()).values()}


def _decision(
    given: Feedback,
    kind: DecisionKind,
    actor: Actor,
    content: AcceptedCase | TrainingPair | None = None,
    *,
    reason: str = "",
) -> FeedbackDecision:
    return FeedbackDecision(given.id, kind, content, actor.name, reason, datetime.now(UTC))


def _decided(feedback_id: str) -> ConflictError:
    return ConflictError(
        f"The feedback {feedback_id[:8]} was decided before.", hint="`ragloop feedback show` says how and by whom."
    )
