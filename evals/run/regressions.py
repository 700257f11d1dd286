"""What was complained of once is asked in every evaluation: the locked cases of the dataset `feedback`."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import NotFoundError
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from evals.cases.cases import Case
from evals.cases.dataset_store import FEEDBACK, Dataset, DatasetStore
from evals.cases.gold import GoldFinder
from evals.gate.comparison import DatasetRef, GoneCase, LockedSet


def with_regressions(database: Database, dataset: Dataset) -> tuple[tuple[Case, ...], LockedSet | None]:
    """The dataset's cases with the locked ones behind them, and what the report says of these; None without any.

    A case whose document is not here any more, or does not say the evidence any more, tells nothing of a release: it
    is listed with the reason instead of being asked. Which collection holds the document does not matter: a release
    that lost it has lost the answer.
    """
    alone = dataset.name == FEEDBACK
    locked = dataset if alone else _newest(database)
    if locked is None:
        return dataset.cases, None
    own = () if alone else dataset.cases
    known = {case.sha256 for case in own}
    asked, gone = _parted(database, [case for case in locked.cases if case.sha256 not in known])
    cases = 0 if alone else len(asked)
    ref = DatasetRef(name=locked.name, version=locked.version, sha256=locked.sha256, cases=cases)
    return (*own, *asked), LockedSet(dataset=ref, gone=tuple(gone))


def _newest(database: Database) -> Dataset | None:
    try:
        return DatasetStore(database).get(FEEDBACK)
    except NotFoundError:
        return None


def _parted(database: Database, wanted: Sequence[Case]) -> tuple[list[Case], list[GoneCase]]:
    """The cases that can be asked, and those that cannot."""
    find = GoldFinder(DocumentRepository(database).get, wanted)
    asked, gone = [], []
    for case in wanted:
        try:
            find(case)
            asked.append(case)
        except NotFoundError as error:
            gone.append(
                GoneCase(case_id=case.id, case_sha256=case.sha256, question=case.question, reason=error.message)
            )
    return asked, gone
