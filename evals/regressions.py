"""What was complained of once is asked in every evaluation: the locked cases of the dataset `feedback`."""

from __future__ import annotations

from core.errors import NotFoundError
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from evals.cases import Case
from evals.dataset_store import FEEDBACK, Dataset, DatasetStore
from evals.gold import GoldFinder
from evals.report import DatasetRef, GoneCase, LockedSet


def regressions(database: Database, dataset: Dataset) -> tuple[tuple[Case, ...], LockedSet | None]:
    """The locked cases that are asked beside the dataset's own, and what the report says of them; None where there are
    none, or the dataset is theirs.

    A case whose document is not here any more, or does not say the evidence any more, tells nothing of a release: it
    is listed with the reason instead of being asked. Which collection holds the document does not matter: a release
    that lost it has lost the answer.
    """
    if dataset.name == FEEDBACK:
        return (), None
    try:
        locked = DatasetStore(database).get(FEEDBACK)
    except NotFoundError:
        return (), None
    own = {case.sha256 for case in dataset.cases}
    wanted = [case for case in locked.cases if case.sha256 not in own]
    find = GoldFinder(DocumentRepository(database).get, wanted)
    asked, gone = [], []
    for case in wanted:
        try:
            find(case)
            asked.append(case)
        except NotFoundError as error:
            gone.append(GoneCase(case_id=case.id, question=case.question, reason=error.message))
    ref = DatasetRef(name=locked.name, version=locked.version, sha256=locked.sha256, cases=len(asked))
    return tuple(asked), LockedSet(dataset=ref, gone=tuple(gone))
