"""Triggers that fired, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

from sqlalchemy import Row, insert, select, text, update

from core.errors import ConflictError, NotFoundError
from core.loop.enums import FiringState
from core.loop.feedback import Firing, FiringEvidence, NotInstalled, RemedyProposal
from core.storage.database import Database
from core.storage.erasure import Tables, Traces, scrub
from core.storage.loop.stored_values import StoredValue
from core.storage.tables import trigger_firings

Proposals: TypeAlias = Callable[[str], StoredValue[RemedyProposal]]
"""How the column keeps the proposals of the remedy of this name. Raises NotFoundError if there is none."""


def _seen(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Evidence from before it had a version: what was seen stood beside the figures, untold of which kind it was."""
    figures = {name: stored[name] for name in ("value", "threshold", "since", "by") if name in stored}
    seen = {name: value for name, value in stored.items() if name not in figures}
    if not seen:
        return figures
    kind = "complaints" if "complaints" in seen else "answers" if "answers" in seen else "sources"
    return {**figures, "seen": {"kind": kind, **seen}}


EVIDENCE = StoredValue("trigger_firings", "evidence", FiringEvidence.model_validate, upcasts=(_seen,))


def gone_on(seen: Firing) -> ConflictError:
    """That the firing is no longer as it was seen."""
    return ConflictError(
        f"Somebody else went on with the firing {seen.id[:8]} first.",
        hint=f"`ragloop triggers show {seen.id[:8]}` says what became of it.",
    )


class FiringRepository:
    """Firings, newest first where they are listed. Whatever reads them raises StoredValueError for a row that is broken
    or that a newer RAGLoop wrote."""

    def __init__(self, database: Database, proposals: Proposals) -> None:
        self._database = database
        self._proposals = proposals

    def add(self, firing: Firing) -> None:
        with self._database.transaction() as connection:
            connection.execute(insert(trigger_firings), self._stored(firing))

    def add_next(self, firing: Firing, last: str | None) -> bool:
        """Store the firing, unless its trigger has fired since the firing with the id `last` (None: since ever). Of
        several that decide at once, one is told True."""
        query = select(trigger_firings.c.id).where(trigger_firings.c.trigger == firing.trigger)
        newest = query.order_by(trigger_firings.c.at.desc(), trigger_firings.c.id).limit(1)
        with self._database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(1918985069)"))
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            if connection.execute(newest).scalar() != last:
                return False
            connection.execute(insert(trigger_firings), self._stored(firing))
        return True

    def get(self, firing_id: str) -> Firing | None:
        """The firing with this id, or whose id begins so, if there is just one."""
        query = select(trigger_firings).where(trigger_firings.c.id.startswith(firing_id, autoescape=True)).limit(2)
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return self._firing(rows[0]) if len(rows) == 1 else None

    def of_release(self, release_id: str) -> Firing | None:
        """The newest firing whose remedy made this release, if one did."""
        made = select(trigger_firings).where(trigger_firings.c.release_id == release_id)
        with self._database.transaction() as connection:
            row = connection.execute(made.order_by(trigger_firings.c.at.desc(), trigger_firings.c.id).limit(1)).first()
        return self._firing(row) if row else None

    def all(self, limit: int | None = None) -> list[Firing]:
        query = select(trigger_firings).order_by(trigger_firings.c.at.desc(), trigger_firings.c.id).limit(limit)
        with self._database.transaction() as connection:
            return [self._firing(row) for row in connection.execute(query)]

    def begin(self, firing_id: str, detail: str) -> bool:
        """Put on record that the firing's remedy is at work, if nothing was done about it or what was done failed. Of
        several that begin at once, one is told True."""
        values = {"state": FiringState.RUNNING, "changed_at": datetime.now(UTC), "detail": detail}
        waiting = trigger_firings.c.state.in_([FiringState.OPEN, FiringState.FAILED])
        statement = update(trigger_firings).where(trigger_firings.c.id == firing_id, waiting)
        with self._database.transaction() as connection:
            return connection.execute(statement.values(**values)).rowcount == 1

    def change(
        self,
        seen: Firing,
        state: FiringState,
        *,
        proposal: RemedyProposal | None = None,
        release_id: str | None = None,
        detail: str = "",
    ) -> Firing:
        """Put on record how far the remedy is of the firing that was `seen`, and return it so. What is not given stays
        as it was. Raises ConflictError if the firing has come to another state since."""
        given = {"proposal": proposal, "release_id": release_id}
        changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        changed |= {"state": state, "detail": detail}
        changed |= {"changed_at": datetime.now(UTC)} if state is not seen.state else {}
        written = changed | ({"proposal": self._proposals(seen.remedy).write(proposal)} if proposal is not None else {})
        row = trigger_firings.c
        as_seen = (row.id == seen.id, row.state == seen.state, row.changed_at == seen.changed_at)
        with self._database.transaction() as connection:
            if connection.execute(update(trigger_firings).where(*as_seen).values(**written)).rowcount != 1:
                raise gone_on(seen)
        return replace(seen, **changed)

    def _stored(self, firing: Firing) -> dict[str, Any]:
        """Nothing is stored of a proposal that was not made yet."""
        proposal = self._proposals(firing.remedy).write(firing.proposal) if firing.proposal else {}
        return asdict(firing) | {"evidence": EVIDENCE.write(firing.evidence), "proposal": proposal}

    def _firing(self, row: Row[Any]) -> Firing:
        read = {
            "evidence": EVIDENCE.read(row.id, row.evidence),
            "state": FiringState(row.state),
            "proposal": self._proposal(row) if row.proposal else None,
        }
        return Firing(**row._asdict() | read)

    def _proposal(self, row: Row[Any]) -> RemedyProposal:
        try:
            proposals = self._proposals(row.remedy)
        except NotFoundError:
            return NotInstalled(stored=row.proposal)
        return proposals.read(row.id, row.proposal)


class FiringWords:
    """What firings hold of people and documents, in words and in what was seen and proposed."""

    erases: ClassVar[Tables] = (trigger_firings,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, traces: Traces) -> dict[str, int]:
        columns = ("evidence", "proposal", "reason", "detail")
        return {"firings": scrub(self._database, trigger_firings, columns, traces)}
