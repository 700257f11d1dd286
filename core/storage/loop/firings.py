"""Triggers that fired, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import Row, insert, select, text, update

from core.feedback import Firing, FiringState, Remedy
from core.storage.database import Database
from core.storage.erasure import Tables, Traces, scrub
from core.storage.tables import trigger_firings


class FiringRepository:
    """Firings, newest first where they are listed."""

    erases: ClassVar[Tables] = (trigger_firings,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, firing: Firing) -> None:
        with self._database.transaction() as connection:
            connection.execute(insert(trigger_firings), _stored(firing))

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
            connection.execute(insert(trigger_firings), _stored(firing))
        return True

    def get(self, firing_id: str) -> Firing | None:
        """The firing with this id, or whose id begins so, if there is just one."""
        query = select(trigger_firings).where(trigger_firings.c.id.startswith(firing_id, autoescape=True)).limit(2)
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return _firing(rows[0]) if len(rows) == 1 else None

    def all(self, limit: int | None = None) -> list[Firing]:
        query = select(trigger_firings).order_by(trigger_firings.c.at.desc(), trigger_firings.c.id).limit(limit)
        with self._database.transaction() as connection:
            return [_firing(row) for row in connection.execute(query)]

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
        firing_id: str,
        state: FiringState,
        *,
        proposal: Mapping[str, Any] | None = None,
        release_id: str | None = None,
        detail: str = "",
    ) -> None:
        """Put on record how far the firing's remedy is. What is not given stays as it was."""
        values: dict[str, Any] = {"state": state, "changed_at": datetime.now(UTC), "detail": detail}
        values |= {"proposal": dict(proposal)} if proposal is not None else {}
        values |= {"release_id": release_id} if release_id is not None else {}
        with self._database.transaction() as connection:
            connection.execute(update(trigger_firings).where(trigger_firings.c.id == firing_id).values(**values))

    def erase(self, traces: Traces) -> dict[str, int]:
        columns = ("evidence", "proposal", "reason", "detail")
        return {"firings": scrub(self._database, trigger_firings, columns, traces)}


def _stored(firing: Firing) -> dict[str, Any]:
    return asdict(firing) | {"evidence": dict(firing.evidence), "proposal": dict(firing.proposal)}


def _firing(row: Row[Any]) -> Firing:
    values = row._asdict()
    return Firing(**values | {"remedy": Remedy(values["remedy"]), "state": FiringState(values["state"])})
