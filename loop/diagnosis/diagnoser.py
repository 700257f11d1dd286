"""Diagnoses of votes and of failed evaluation cases: gathered, judged, stored.

with open_diagnoser(settings) as diagnoser:
    for diagnosis in diagnoser.new():
        print(diagnosis.cause, diagnosis.summary)
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from core.errors import InputError, ModelUnavailableError, NotFoundError
from core.loop.diagnosis import Diagnosis, DiagnosisEvidence, DiagnosisSubject, EvidenceScores
from core.loop.enums import Vote
from core.loop.feedback import Feedback
from core.ports import Judge
from core.release import Release
from core.settings import Settings
from core.storage.documents import DocumentRepository
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository, VoteLine
from core.storage.releases import ReleaseRepository
from evals.cases.answers import AnswerRecord
from evals.cases.cases import Case
from evals.cases.dataset_store import DatasetStore
from evals.cases.gold import GoldFinder
from evals.cases.gold_span import GoldSpan
from evals.judges.langchain_judge import open_judge
from evals.report.case_detail import CaseDetail, CaseDetails
from loop.diagnosis.bad_answer import BadAnswer, of_case, of_feedback
from loop.diagnosis.observation import SAYS
from loop.diagnosis.observer import Observer, Seen
from loop.diagnosis.rules import VERSION, judge
from loop.erasure.traces import ERASED
from loop.feedback.votes import FeedbackService
from serving.factory import Services, open_services
from serving.llm.failures import counts_as_outage

# Releases that are open together: each holds an answerer and what was read of the documents.
MOST_OPEN = 4


class Diagnoser:
    """Finds out why answers were bad, over the open stores of one process. Not to be used from a running event loop."""

    def __init__(self, services: Services, judge: Judge | None = None) -> None:
        """`judge` weighs whether an answer says what is right; by default the settings' own, if they name one."""
        self._judge = judge or open_judge(services.settings)
        self.database = services.database
        self._services = services
        self._diagnoses = DiagnosisRepository(services.database)
        self._releases = ReleaseRepository(services.database)
        self._observers: dict[str, Observer] = {}
        self.left_out: dict[str, str] = {}
        """Ids of the votes that `new` could not diagnose, and why."""

    def feedback(self, feedback: Feedback) -> Diagnosis:
        """Why the answer was voted down; stored.

        Raises InputError for a vote up, NotFoundError or CollectionMismatchError if the answer's release cannot be
        opened any more, UnavailableError when the index or the model is down: an outage is no diagnosis.
        """
        if feedback.vote is Vote.UP:
            raise InputError("The answer was voted up.", hint="Only answers that were voted down are diagnosed.")
        subject = DiagnosisSubject.of_vote(feedback.id)
        made = self._diagnose(subject, self._release(feedback.release_id), of_feedback(feedback))
        self._diagnoses.add(made)
        return made

    def case(self, release: Release, case: Case, record: AnswerRecord, *, subject: DiagnosisSubject) -> Diagnosis:
        """Why the release's answer to an evaluation case is bad; not stored. Raises as `feedback`."""
        return self._diagnose(subject, release, of_case(case, record, self._gold(case)))

    def new(
        self, progress: Callable[[int, int], None] = lambda _done, _of: None, *, again: bool = False
    ) -> list[Diagnosis]:
        """Diagnose every negative vote that counts and has no diagnosis by the present rules; `again` those that have
        one too. `progress` is told how many of how many are done. Votes on releases that cannot be opened any more, or
        whose model the server refuses to ask, are in `left_out`, with the reason; they are tried again the next time.

        Raises UnavailableError when the index or the model is down; what was diagnosed before is stored.
        """
        waiting = self._votes(self._negative()) if again else self.waiting()
        self.left_out.clear()
        made = []
        for done, vote in enumerate(waiting):
            progress(done, len(waiting))
            try:
                made.append(self.feedback(vote))
            except (InputError, ModelUnavailableError) as error:
                if isinstance(error, ModelUnavailableError) and counts_as_outage(error):
                    raise
                self.left_out[vote.id] = error.message
        progress(len(waiting), len(waiting))
        return made

    def waiting(self) -> list[Feedback]:
        """The negative votes that count and have no diagnosis by the present rules, oldest first."""
        lines = self._negative()
        standing = self._diagnoses.of_votes(line.id for line in lines)
        current = {vote_id for vote_id, diagnosis in standing.items() if diagnosis.version == VERSION}
        return self._votes([line for line in lines if line.id not in current])

    def _negative(self) -> list[VoteLine]:
        return [line for line in FeedbackService(self.database).counted_lines() if line.vote is Vote.DOWN]

    def _votes(self, lines: Sequence[VoteLine]) -> list[Feedback]:
        """With the snapshots of their answers, oldest first; those of which the answer was erased tell nothing."""
        votes = FeedbackRepository(self.database).get_all([line.id for line in lines])
        return sorted((vote for vote in votes if vote.answer != ERASED), key=lambda vote: (vote.at, vote.id))

    def evaluation(
        self, evaluation_id: str, progress: Callable[[int, int], None] = lambda _done, _of: None
    ) -> list[Diagnosis]:
        """Why each failed case of an evaluation failed, on the candidate's side; stored. A case fails if its answer
        declines what the documents hold, answers what they do not, or neither cites nor says what it should.

        Raises NotFoundError for an evaluation that is not there.
        """
        record = EvaluationRepository(self.database).get(evaluation_id)
        if record is None:
            raise NotFoundError(
                f"There is no single evaluation {evaluation_id}.", hint="`ragloop eval list` shows the ids."
            )
        release = self._release(record.release_id)
        details = CaseDetails(self.database, DatasetStore(self.database), record)
        made = []
        for done, detail in enumerate(details.each(details.ordinals)):
            progress(done, len(details.ordinals))
            subject = DiagnosisSubject.of_case(record.id, detail.ordinal, "candidate")
            found = self._failed_case(release, detail, subject)
            if found is not None:
                self._diagnoses.add(found)
                made.append(found)
        return made

    def _failed_case(self, release: Release, detail: CaseDetail, subject: DiagnosisSubject) -> Diagnosis | None:
        """The diagnosis of a case that failed; None if it did not, or was never answered."""
        answer = detail.candidate.answer
        if answer is None:
            return None
        if detail.case.unanswerable:
            return None if answer.abstained else self.case(release, detail.case, answer, subject=subject)
        made = self.case(release, detail.case, answer, subject=subject)
        return None if not answer.abstained and made.evidence.said >= SAYS else made

    def _diagnose(self, subject: DiagnosisSubject, release: Release, bad: BadAnswer) -> Diagnosis:
        seen = self._observer(release).look(bad)
        finding = judge(seen.observation)
        return Diagnosis(
            id=str(uuid.uuid4()),
            subject=subject,
            at=datetime.now(UTC),
            release_id=release.id,
            collection=bad.collection,
            revision=bad.revision,
            question=bad.question,
            cause=finding.cause,
            certainty=finding.certainty,
            summary=finding.summary,
            evidence=_evidence(bad, seen),
            version=VERSION,
        )

    def _gold(self, case: Case) -> tuple[GoldSpan, ...]:
        """Where the case's evidence stands; none where a document or a quote is not there any more, which is what the
        diagnosis may be about."""
        try:
            return GoldFinder(DocumentRepository(self.database).get, [case])(case)
        except NotFoundError:
            return ()

    def _release(self, release_id: str) -> Release:
        release = self._releases.get(release_id)
        if release is None:
            raise NotFoundError(
                f"There is no release {release_id[:12]} any more.", hint="`ragloop release list` shows those there are."
            )
        return release

    def _observer(self, release: Release) -> Observer:
        if release.id not in self._observers:
            if len(self._observers) >= MOST_OPEN:
                del self._observers[next(iter(self._observers))]
            self._observers[release.id] = Observer(self._services, release, self._judge)
        return self._observers[release.id]


def _evidence(bad: BadAnswer, seen: Seen) -> DiagnosisEvidence:
    looked = seen.observation
    return DiagnosisEvidence(
        correction=bad.right,
        sought=looked.sought,
        documents=tuple(dict.fromkeys(place.uri for place in seen.places)),
        passages=seen.places,
        rank=looked.rank,
        rank_in_context=looked.first(looked.context),
        handed=min(looked.handed, len(looked.context)),
        said=round(looked.said, 4),
        answer_with_right_passage=seen.answer_alone,
        says_it_with_right_passage=looked.alone,
        source_uri=seen.source_uri,
        source_state=looked.source.state if looked.source and seen.source_uri else None,
        judged=seen.judged,
        otherwise=seen.opposing,
        unread_sources=looked.unread_sources,
        scores=EvidenceScores(
            chunks=looked.chunks,
            documents=looked.documents,
            hidden=looked.hidden,
            source=looked.source.score if looked.source else None,
        ),
    )


@contextmanager
def open_diagnoser(settings: Settings) -> Iterator[Diagnoser]:
    """A diagnoser over the settings' own stores."""
    with open_services(settings) as services:
        yield Diagnoser(services)
