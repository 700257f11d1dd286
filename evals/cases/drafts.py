"""The drafts of a dataset: proposed without any like it, decided by a person, and only then part of a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.errors import InputError, NotFoundError
from core.storage.database import Database
from core.storage.evals.case_drafts import DRAFT, CaseDraft, CaseDraftRepository, Decided
from evals.cases.cases import MOST_CASES, Case
from evals.cases.dataset_store import Dataset, DatasetStore, check_name, stored

# Drafts of one dataset that may wait at a time: more than a person reads in a day are noise.
MOST_WAITING = 500


@dataclass(frozen=True, slots=True)
class DraftedCase:
    """What a draft proposes, and in whose name it was drafted."""

    id: str
    case: Case
    drafted_by: str


class CaseDrafts:
    """Drafts of cases. Nothing here is part of a dataset until somebody accepts it."""

    def __init__(self, database: Database) -> None:
        self._repository = CaseDraftRepository(database)
        self._store = DatasetStore(database)

    def known_questions(self, dataset: str) -> list[str]:
        """The questions of the dataset and of all its drafts, decided or not: none of them is worth drafting again."""
        known = [case.question for case in self._cases(dataset)]
        return known + [str(content["question"]) for content in self._repository.contents(dataset)]

    def add(self, dataset: str, cases: Iterable[Case], *, actor: str) -> int:
        """Put drafts before whoever reviews. Raises InputError if too many wait already. Returns how many."""
        check_name(dataset)
        kept = list(cases)
        waiting = self._repository.counts().get(dataset, 0)
        if waiting + len(kept) > MOST_WAITING:
            raise InputError(
                f"{waiting} drafts of {dataset} wait already; {MOST_WAITING} is the most.",
                hint="Accept or discard them on the page /reviews/cases first, or draft fewer.",
            )
        return len(self._repository.add(dataset, [case.model_dump(mode="json") for case in kept], actor))

    def counts(self) -> dict[str, int]:
        """How many drafts wait, by dataset; only those with any."""
        return self._repository.counts()

    def waiting(self, dataset: str, limit: int = MOST_WAITING) -> list[DraftedCase]:
        """The drafts of a dataset that wait, oldest first."""
        return [_drafted(draft) for draft in self._repository.waiting(dataset, limit)]

    def get(self, ids: Iterable[str]) -> dict[str, DraftedCase]:
        """What these drafts propose, by id, decided or not."""
        return {draft.id: _drafted(draft) for draft in self._repository.get(ids).values()}

    def decide(self, dataset: str, accepted: Mapping[str, Case], discarded: Sequence[str], *, actor: str) -> Decided:
        """Accept drafts as these cases, which make one new version of the dataset, and discard others.

        `missed` of the result are drafts that someone else had decided meanwhile. Raises InputError if the dataset
        would become too large, or have two cases with one id.
        """
        there = self._cases(dataset)  # stores a shipped dataset as a version, so that accepted cases come on top of it
        if len(there) + len(accepted) > MOST_CASES:
            raise InputError(
                f"{dataset} would have more than {MOST_CASES:,} cases.", hint="Accept into another dataset."
            )
        ids = {case.id for case in there}
        states = {key: draft.state for key, draft in self._repository.get(accepted).items()}
        for key, case in accepted.items():
            if states.get(key) == DRAFT and case.id in ids:
                raise InputError(f"{dataset} has a case {case.id} already.", hint="Discard this draft.")
            ids.add(case.id)
        cases = dict(zip(accepted, stored(list(accepted.values())), strict=True))
        return self._repository.decide(dataset, cases, discarded, by=actor, reason="Drafts accepted in review.")

    def _cases(self, dataset: str) -> Sequence[Case]:
        check_name(dataset)
        try:
            found: Dataset = self._store.resolve(dataset)
        except NotFoundError:
            return ()
        return found.cases


def _drafted(draft: CaseDraft) -> DraftedCase:
    return DraftedCase(draft.id, Case.model_validate(draft.content), draft.created_by)
