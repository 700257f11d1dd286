"""What there is of the loop, counted in the database: votes, decisions, causes, firings, releases, runs, erasures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, case, func, select

from core.loop.diagnosis import Cause, DiagnosisSubject, SubjectKind
from core.storage.database import Database
from core.storage.tables import (
    diagnoses,
    erasures,
    feedback,
    feedback_decisions,
    ingestion_runs,
    interactions,
    releases,
    trigger_firings,
)

# How many there are with these labels, in the order that LoopTotals names for each field.
Counts = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class LoopTotals:
    """What there is now. A reason or a side that is not there is an empty label."""

    votes: Counts  # vote, reason, standing
    decisions: Counts  # kind, side
    diagnoses: Counts  # what was diagnosed (feedback or evaluation), cause
    firings: Counts  # trigger, state
    releases: Counts  # status
    runs: Counts  # source, state
    erasures: Counts  # kind
    answers: Counts  # abstained (true or false); those since a moment


class LoopTotalsRepository:
    """Counts; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def causes(self) -> dict[str, Cause]:
        """The cause that stands for each piece of feedback that was diagnosed, by the feedback's id."""
        query = select(standing := _standing_causes()).where(_on_votes(standing))
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        subjects = {DiagnosisSubject.parse(row.subject): Cause(row.cause) for row in rows}
        return {subject.vote_id: cause for subject, cause in subjects.items() if subject.vote_id is not None}

    def erased(self, since: datetime) -> dict[str, int]:
        """How often something was erased since then, by kind."""
        counts = self._counts(_by(erasures.c.kind).where(erasures.c.at >= since))
        return {kind: count for (kind,), count in counts.items()}

    def totals(self, answers_since: datetime) -> LoopTotals:
        """Everything there is; of answers, of which there are many, those since a moment."""
        causes = _standing_causes()
        subject = case((_on_votes(causes), SubjectKind.FEEDBACK.value), else_=SubjectKind.EVALUATION.value)
        abstained = case((interactions.c.abstained, "true"), else_="false")
        return LoopTotals(
            votes=self._counts(_by(feedback.c.vote, func.coalesce(feedback.c.reason, ""), feedback.c.standing)),
            decisions=self._counts(_by(feedback_decisions.c.kind, func.coalesce(feedback_decisions.c.side, ""))),
            diagnoses=self._counts(_by(subject, causes.c.cause)),
            firings=self._counts(_by(trigger_firings.c.trigger, trigger_firings.c.state)),
            releases=self._counts(_by(releases.c.status)),
            runs=self._counts(_by(ingestion_runs.c.source, ingestion_runs.c.state)),
            erasures=self._counts(_by(erasures.c.kind)),
            answers=self._counts(_by(abstained).where(interactions.c.at >= answers_since)),
        )

    def _counts(self, query: Select[Any]) -> dict[tuple[str, ...], int]:
        with self._database.transaction() as connection:
            return {tuple(labels): count for *labels, count in connection.execute(query)}


def _by(*labels: ColumnElement[Any]) -> Select[Any]:
    # Grouped by place: PostgreSQL takes an expression with bound values for another one in GROUP BY.
    named = [label.label(f"label_{number}") for number, label in enumerate(labels)]
    return select(*named, func.count()).group_by(*named)


def _on_votes(causes: Subquery) -> ColumnElement[bool]:
    return causes.c.subject.startswith(SubjectKind.FEEDBACK.prefix)


def _standing_causes() -> Subquery:
    """Subject and cause of the newest diagnosis of each subject."""
    newest = func.row_number().over(
        partition_by=diagnoses.c.subject, order_by=(diagnoses.c.at.desc(), diagnoses.c.id.desc())
    )
    ranked = select(diagnoses.c.subject, diagnoses.c.cause, newest.label("place")).subquery()
    return select(ranked.c.subject, ranked.c.cause).where(ranked.c.place == 1).subquery()
