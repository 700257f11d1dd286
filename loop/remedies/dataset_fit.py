"""The dense leg's shares of a release, fitted on the cases of a dataset whose evidence is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.release import ReleaseManifest
from core.storage.documents import DocumentRepository
from core.types import AccessScope
from evals.cases.cases import Case
from evals.cases.gold import LocatedCase, with_gold
from evals.cases.gold_span import GoldSpan
from loop.remedies.search_fit import LegSearch
from loop.remedies.share_fit import ShareFit, changes_of, fit_shares
from serving.factory import Services


@dataclass(frozen=True, slots=True)
class DatasetFit:
    """The fits, and the cases that took no part, with the reason."""

    fits: tuple[ShareFit, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def changes(self) -> dict[str, str]:
        """What a release that is better for the dataset has otherwise; empty if nothing is better."""
        return changes_of(self.fits)


@dataclass(frozen=True, slots=True)
class CaseQuestion:
    """A case's question as it is searched for: as an evaluation does, which sees every document."""

    query: str
    places: tuple[GoldSpan, ...]
    scope: AccessScope


def fit_to_cases(services: Services, manifest: ReleaseManifest, cases: Sequence[Case]) -> DatasetFit:
    """Raises NotFoundError where no evidence stands in the documents, InputError where too few questions are left."""
    located, gone = with_gold(DocumentRepository(services.database).get, cases)
    excluded = [(each.case.id, reason) for each in located if (reason := _why_not(each.case))]
    questions = [_question(each) for each in located if not _why_not(each.case)]
    fits = fit_shares(LegSearch(services, manifest).all(questions), manifest.retrieval)
    return DatasetFit(tuple(fits), (*gone, *excluded))


def _why_not(case: Case) -> str:
    """Why a case does not choose parameters; empty if it does."""
    if case.locked:
        return "It is locked: what came from a complaint only measures."
    if case.history:
        return "It is a follow-up: what it is searched for with is not its own words alone."
    return ""


def _question(located: LocatedCase) -> CaseQuestion:
    return CaseQuestion(located.case.question, located.gold, AccessScope.everything())
