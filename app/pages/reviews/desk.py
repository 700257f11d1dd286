"""What the review pages show: evaluations and where their releases stand, a report, a case, what may be decided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.audit_trail import champions, standing_approval, why_made
from core.errors import ConflictError, NotFoundError
from core.permissions import Deed, may
from core.release import Release, ReleaseEvent, ReleaseStatus
from core.storage.evals.evaluations import EvaluationRecord, EvaluationRepository
from core.storage.releases import ReleaseRepository
from core.types import Actor
from evals.cases.dataset_store import DatasetStore
from evals.report.case_detail import CaseDetail, CaseDetails
from evals.report.page import load_report
from evals.report.report import Report
from loop.remedies.registry import in_words, open_firings
from serving.factory import Services
from serving.releases.service import ReleaseService
from serving.releases.summary import ReleaseSummary, summaries

_ID = re.compile(r"[0-9a-f-]{1,36}")
LIST_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ListedEvaluation:
    """An evaluation in the list, and its release as it stands now. `newest` of those of its release."""

    record: EvaluationRecord
    summary: ReleaseSummary | None
    newest: bool
    approved: bool


@dataclass(frozen=True, slots=True)
class ReviewOverview:
    """All there is to review. `unevaluated` are candidates that no evaluation is on record for."""

    evaluations: tuple[ListedEvaluation, ...]
    unevaluated: tuple[ReleaseSummary, ...]
    champion: Release | None
    promoted: ReleaseEvent | None
    """What made the champion what it is."""
    previous: str | None
    """The release that a rollback leads to."""


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """What may be done on one report by the one who reads it, and what was done before, the newest first."""

    release: Release
    why: str
    remedy: str
    """What the remedy that made it changes, and what it measured; empty where a person made it."""
    newest: bool
    approval: ReleaseEvent | None
    may_reject: bool
    may_approve: bool
    may_promote: bool
    history: tuple[ReleaseEvent, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """A finished evaluation."""

    record: EvaluationRecord
    report: Report


class ReviewDesk:
    """Reads what reviewers look at; ReleaseService does what they decide."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._evaluations = EvaluationRepository(services.database)
        self._releases = ReleaseRepository(services.database)
        self._service = ReleaseService(services)
        self._firings = open_firings(services.database)

    def overview(self) -> ReviewOverview:
        """The newest evaluations, and candidates without any."""
        records = self._evaluations.latest(LIST_LENGTH)
        events = self._service.history()
        champion = self._releases.champion()
        releases = {each.release.id: each for each in summaries(self._releases.all(), events, champion)}
        evaluated = {record.release_id for record in records}
        return ReviewOverview(
            evaluations=tuple(_listed(records, releases, events)),
            unevaluated=tuple(
                each
                for each in releases.values()
                if each.release.status is ReleaseStatus.CANDIDATE and each.release.id not in evaluated
            ),
            champion=champion,
            promoted=next((event for event in reversed(events) if champion and event.release_id == champion.id), None),
            previous=next(iter(champions(events)[-2:-1]), None),
        )

    def record(self, evaluation_id: str) -> EvaluationRecord:
        """The evaluation with this id, or whose id begins so. Raises NotFoundError."""
        found = self._evaluations.get(evaluation_id) if _ID.fullmatch(evaluation_id) else None
        if found is None:
            raise NotFoundError("There is no such evaluation.", hint="/reviews lists what there is.")
        return found

    def review(self, evaluation_id: str) -> Review:
        """The evaluation with its report. Raises NotFoundError, and ConflictError while there is no report."""
        record = self.record(evaluation_id)
        if record.state == "failed":
            raise ConflictError(f"This evaluation failed: {record.error}", hint="Mend that, and evaluate again.")
        if record.report is None:
            raise ConflictError("This evaluation is still running.", hint="Come back when it has finished.")
        return Review(record, load_report(record.report))

    def details(self, record: EvaluationRecord) -> CaseDetails:
        return CaseDetails(self._database, DatasetStore(self._database), record)

    def case(self, record: EvaluationRecord, ordinal: int) -> CaseDetail:
        """One case with both answers. Raises NotFoundError."""
        found = self.details(record).get(ordinal)
        if found is None:
            raise NotFoundError("There is no such case in this evaluation.", hint="Open it from the report's list.")
        return found

    def decision(self, review: Review, actor: Actor) -> DecisionOptions:
        """What the actor may do now. What stands against it in the end, ReleaseService says."""
        release = self._releases.get(review.record.release_id)
        if release is None:
            raise NotFoundError("The release of this evaluation is gone.", hint="/reviews lists what there is.")
        history = self._service.history(release.id)
        approval = standing_approval(history)
        newest = self._is_newest(review.record)
        candidate = release.status is ReleaseStatus.CANDIDATE and newest
        return DecisionOptions(
            release=release,
            why=why_made(history),
            remedy=in_words(firing) if (firing := self._firings.of_release(release.id)) else "",
            newest=newest,
            approval=approval,
            may_reject=candidate and may(actor, Deed.REJECT_RELEASE),
            may_approve=candidate and may(actor, Deed.SWITCH_RELEASE) and approval is None and review.report.passes,
            may_promote=candidate and may(actor, Deed.SWITCH_RELEASE) and approval is not None,
            history=tuple(reversed(history)),
        )

    def _is_newest(self, record: EvaluationRecord) -> bool:
        newest = self._evaluations.latest_finished(record.release_id)
        return newest is None or newest.id == record.id


def _listed(
    records: Sequence[EvaluationRecord], releases: dict[str, ReleaseSummary], events: Sequence[ReleaseEvent]
) -> list[ListedEvaluation]:
    seen: set[str] = set()
    found = []
    for record in records:
        newest = record.state == "finished" and record.release_id not in seen
        if newest:
            seen.add(record.release_id)
        approval = standing_approval([event for event in events if event.release_id == record.release_id])
        found.append(ListedEvaluation(record, releases.get(record.release_id), newest, approval is not None))
    return found
