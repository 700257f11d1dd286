"""What counts as relevant: a stretch of a document that overlaps a piece of the case's evidence.

Judged by place and not by text or chunk id, so releases that split the same documents differently are measured alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from evals.cases.gold_span import GoldSpan
from evals.metrics.metric import Failed, Row, Skipped


class Stretch(Protocol):
    """Characters `start` to `end` of the document at `uri`: a passage, or a citation."""

    @property
    def uri(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


def finds(stretch: Stretch, piece: GoldSpan) -> bool:
    """Whether the stretch shows the piece: overlaps it, or comes from its document where all of it is the evidence."""
    if piece.whole_document:
        return stretch.uri == piece.uri
    return piece.overlaps(stretch.uri, stretch.start, stretch.end)


def is_relevant(stretch: Stretch, gold: Iterable[GoldSpan]) -> bool:
    return any(finds(stretch, piece) for piece in gold)


def pieces_found(stretches: Sequence[Stretch], gold: Sequence[GoldSpan]) -> int:
    """How many pieces at least one of the stretches shows."""
    return sum(any(finds(stretch, piece) for stretch in stretches) for piece in gold)


def first_ranks(stretches: Sequence[Stretch], gold: Sequence[GoldSpan]) -> list[int]:
    """For each piece that is found, the rank (from 1) of the first stretch that shows it."""
    ranks = []
    for piece in gold:
        rank = next((rank for rank, stretch in enumerate(stretches, start=1) if finds(stretch, piece)), None)
        if rank is not None:
            ranks.append(rank)
    return ranks


def without_evidence(row: Row) -> Skipped | Failed | None:
    """Why a row cannot be measured by its evidence, if so."""
    if row.case.unanswerable:
        return Skipped("the question has no answer in the documents")
    if not row.case.evidence:
        return Skipped("the case names no evidence")
    if not row.gold:
        return Failed("none of the case's evidence stands in the documents as they are now")
    return None
