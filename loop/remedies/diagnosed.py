"""The questions that a remedy is fitted on and measured on: those that people voted on, as far as their votes count.

They are parted as everything that comes of feedback is (loop/feedback/sides.py): those that may be trained on choose a
remedy's numbers; those that are evaluation cases, or would become one, only tell how well the choice does. So no
evaluation asks what its candidate was fitted on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.errors import ConflictError
from core.loop.answer_snapshot import SnapshotCitation
from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject, FoundPlace
from core.loop.enums import FeedbackSide, Vote
from core.loop.feedback import Feedback, FeedbackDecision, Firing
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository, VoteLine
from core.types import AccessScope, Document, document_id
from evals.cases.cases import GoldEvidence
from evals.cases.gold_span import GoldSpan
from loop.feedback.acceptance import known
from loop.feedback.sides import Placed, side_of
from loop.feedback.votes import FeedbackService

# How far back is looked: a quarter of a year, after which documents and questions have moved on.
WINDOW = timedelta(days=90)
# A search over more questions takes minutes and chooses the same.
MOST_QUESTIONS = 200
# Votes of one author that nobody accepted, at most: nobody chooses the parameters of an index alone.
MOST_PER_AUTHOR = 10


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A question whose answer was bad, and where the right answer stands, as far as that is known.

    `query` is what was searched for, `scope` what the person who asked may see, `documents` are the URIs that hold the
    right answer. `cause` is None where the answer was praised instead.
    """

    subject: DiagnosisSubject
    question: str
    query: str
    cause: Cause | None
    scope: AccessScope
    places: tuple[GoldSpan, ...]
    documents: tuple[str, ...]
    side: FeedbackSide


class DiagnosedQuestions:
    """Finds the questions that a firing is about."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._diagnoses = DiagnosisRepository(database)
        self._documents = DocumentRepository(database)
        self._feedback = FeedbackService(database)
        self._repository = FeedbackRepository(database)

    def of(self, firing: Firing, causes: Collection[Cause]) -> list[Diagnosed]:
        """Those of the firing's diagnoses that are of these causes; where it names none, those of the last quarter.
        Newest first, at most MOST_QUESTIONS. Votes that were dismissed or taken back are left out."""
        if not firing.evidence.subjects:
            return self.recent(causes)
        standing = self._diagnoses.standing(firing.evidence.subjects).values()
        return self._counted([each for each in standing if each.cause in causes])

    def recent(self, causes: Collection[Cause]) -> list[Diagnosed]:
        """The questions of the last quarter whose answers were bad for one of these causes, newest first."""
        standing = self._diagnoses.since(datetime.now(UTC) - WINDOW)
        return self._counted([each for each in standing if each.cause in causes])

    def praised(self) -> list[Diagnosed]:
        """The questions of the last quarter whose answers were voted up, with the places that these cite and that were
        not voted down themselves."""
        up = [line for line in self._counted_lines() if line.vote is Vote.UP]
        votes = self._repository.get_all([line.id for line in self._few_of_each(up)[:MOST_QUESTIONS]])
        placed = known(self._database)
        return [self._praised(vote, placed) for vote in votes]

    def _counted(self, diagnoses: Iterable[Diagnosis]) -> list[Diagnosed]:
        """The questions of those diagnoses whose votes count, or that an evaluation asked."""
        newest = sorted(diagnoses, key=lambda each: (each.at, each.id), reverse=True)
        lines = {line.id: line for line in self._counted_lines()}
        few = self._few_of_each([lines[vote_id] for each in newest if (vote_id := each.subject.vote_id) in lines])
        wanted = {line.id for line in few}
        kept = [each for each in newest if each.subject.vote_id is None or each.subject.vote_id in wanted]
        ids = [vote_id for each in kept[:MOST_QUESTIONS] if (vote_id := each.subject.vote_id) is not None]
        votes = {vote.id: vote for vote in self._repository.get_all(ids)}
        placed, decisions = known(self._database), self._repository.decisions()
        found = []
        for diagnosis in kept[:MOST_QUESTIONS]:
            vote_id = diagnosis.subject.vote_id
            if vote_id is not None and vote_id not in votes:
                continue  # erased meanwhile
            vote, decision = (votes[vote_id], decisions.get(vote_id)) if vote_id is not None else (None, None)
            found.append(self._question(diagnosis, vote, _side(diagnosis, vote, decision, placed)))
        return found

    def _counted_lines(self) -> list[VoteLine]:
        return self._feedback.counted_lines(datetime.now(UTC) - WINDOW)

    def _few_of_each(self, lines: Iterable[VoteLine]) -> list[VoteLine]:
        """Without those of an author that go beyond MOST_PER_AUTHOR and that nobody accepted."""
        decided = self._repository.decided()
        per_author: Counter[str] = Counter()
        few = []
        for line in lines:
            per_author[line.author] += line.id not in decided
            if line.id in decided or per_author[line.author] <= MOST_PER_AUTHOR:
                few.append(line)
        return few

    def _praised(self, vote: Feedback, placed: Sequence[Placed]) -> Diagnosed:
        down = {each.marker for each in vote.citations if each.vote is Vote.DOWN}
        cited = [each for each in vote.interaction.citations if each.marker not in down]
        return Diagnosed(
            subject=DiagnosisSubject.of_vote(vote.id),
            question=vote.question,
            query=vote.interaction.query,
            cause=None,
            scope=_scope(vote),
            places=self._places(cited),
            documents=tuple(dict.fromkeys(each.uri for each in cited)),
            side=side_of(vote.question, placed),
        )

    def _question(self, diagnosis: Diagnosis, vote: Feedback | None, side: FeedbackSide) -> Diagnosed:
        evidence = diagnosis.evidence
        documents = dict.fromkeys([*evidence.documents, *(each.uri for each in evidence.passages)])
        if not documents and evidence.source_uri:
            documents = {evidence.source_uri: None}
        return Diagnosed(
            subject=diagnosis.subject,
            question=diagnosis.question,
            query=vote.interaction.query if vote else diagnosis.question,
            cause=diagnosis.cause,
            scope=_scope(vote),
            places=self._places(evidence.passages),
            documents=tuple(documents),
            side=side,
        )

    def _places(self, found: Sequence[FoundPlace | SnapshotCitation]) -> tuple[GoldSpan, ...]:
        """Where the quotes stand in the documents as they are stored now; those that are gone are left out."""
        texts: dict[str, Document | None] = {}
        places = []
        for each in found:
            document = texts.setdefault(each.uri, self._documents.get(document_id(each.uri)))
            wanted = GoldEvidence(uri=each.uri, quote=each.quote, start=each.start)
            span = wanted.span(document.text) if document and wanted.quote else None
            if span is not None:
                places.append(GoldSpan(each.uri, *span))
        return tuple(dict.fromkeys(places))


def halves(questions: Sequence[Diagnosed], least: int = 1) -> tuple[list[Diagnosed], list[Diagnosed]]:
    """(questions that choose, questions that only tell how good the choice is).

    Raises ConflictError unless at least so many choose.
    """
    choosing = [each for each in questions if each.side is FeedbackSide.TRAINING]
    held_out = [each for each in questions if each.side is FeedbackSide.CASE]
    if len(choosing) < least:
        raise ConflictError(
            f"There is too little to choose by: of {len(questions)} questions whose right place is known, "
            f"{len(held_out)} are held back for evaluation.",
            hint="Wait for more votes with corrections; half of all questions, by a hash, are held back.",
        )
    return choosing, held_out


def _scope(vote: Feedback | None) -> AccessScope:
    """What the person who asked may see; an evaluation sees everything."""
    return AccessScope.everything() if vote is None else vote.scope


def _side(
    diagnosis: Diagnosis, vote: Feedback | None, decision: FeedbackDecision | None, placed: Sequence[Placed]
) -> FeedbackSide:
    """The side that the vote was accepted to, or would fall to; what an evaluation asked is on its side."""
    if vote is None:
        return FeedbackSide.CASE
    if decision is not None and decision.side is not None:
        return decision.side
    quotes = [each.quote for each in diagnosis.evidence.passages]
    return side_of(diagnosis.question, placed, answer=vote.correction, quotes=quotes)
