"""Where the evidence of cases stands in the documents as they are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from core.errors import NotFoundError, RagloopError
from core.types import Document, document_id
from evals.cases.cases import Case, GoldEvidence
from evals.cases.gold_span import GoldSpan

DocumentReader = Callable[[str], Document | None]
"""The document with this id: DocumentRepository.get."""


@dataclass(frozen=True, slots=True)
class LocatedCase:
    """A case, and where its evidence stands."""

    case: Case
    gold: tuple[GoldSpan, ...]


class GoldFinder:
    """The spans of each case's evidence. Each document is read once, and only spans are kept."""

    def __init__(self, read: DocumentReader, cases: Iterable[Case]) -> None:
        self._spans = _locate(read, {evidence for case in cases for evidence in case.evidence})

    def __call__(self, case: Case) -> tuple[GoldSpan, ...]:
        """The spans in the order of the evidence. Raises NotFoundError when a document or a quote is not there any
        more: the case has to be mended before it says anything about a release."""
        found = []
        for evidence in case.evidence:
            span = self._spans[evidence]
            if isinstance(span, RagloopError):
                raise span
            found.append(span)
        return tuple(found)


def with_gold(read: DocumentReader, cases: Iterable[Case]) -> tuple[list[LocatedCase], list[tuple[str, str]]]:
    """(the cases that have evidence, with where it stands; the ids of those whose evidence is gone, with the reason).
    Raises NotFoundError where no case's evidence is there."""
    asked = [case for case in cases if case.evidence and not case.unanswerable]
    find = GoldFinder(read, asked)
    found, gone = [], []
    for case in asked:
        try:
            found.append(LocatedCase(case, find(case)))
        except NotFoundError as error:
            gone.append((case.id, error.message))
    if not found:
        raise NotFoundError(
            "No case's evidence stands in the documents.", hint="Ingest the documents that the dataset quotes."
        )
    return found, gone


def _locate(read: DocumentReader, wanted: Iterable[GoldEvidence]) -> Mapping[GoldEvidence, GoldSpan | NotFoundError]:
    by_uri: dict[str, list[GoldEvidence]] = {}
    for evidence in wanted:
        by_uri.setdefault(evidence.uri, []).append(evidence)
    found: dict[GoldEvidence, GoldSpan | NotFoundError] = {}
    for uri, pieces in by_uri.items():
        document = read(document_id(uri))
        for evidence in pieces:
            found[evidence] = _span(uri, document, evidence)
    return found


def _span(uri: str, document: Document | None, evidence: GoldEvidence) -> GoldSpan | NotFoundError:
    if document is None:
        return NotFoundError(
            f"The evidence's document {uri} is not ingested.",
            hint="Ingest it, or take the case out of the dataset.",
        )
    span = evidence.span(document.text)
    if span is None:
        return NotFoundError(
            f"The document {uri} does not hold the quoted evidence any more.",
            hint="Quote what the document says now, or take the case out of the dataset.",
        )
    return GoldSpan(uri, *span, whole_document=not evidence.quote)
