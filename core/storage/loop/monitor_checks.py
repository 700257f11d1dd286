"""What the checks of the triggers saw, so that drift can be looked at over time and a scrape need not compute it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select

from core.storage.database import Database
from core.storage.tables import monitor_checks


@dataclass(frozen=True, slots=True)
class TriggerReading:
    """How far a trigger was from its threshold. `value` is None where too little was there to measure."""

    value: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class MonitorCheck:
    """One check: its readings by trigger."""

    at: datetime
    readings: Mapping[str, TriggerReading]


class MonitorCheckRepository:
    """Checks, append-only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, at: datetime, readings: Mapping[str, TriggerReading]) -> None:
        """Put on record what a check saw."""
        row = {"id": str(uuid.uuid4()), "at": at, "readings": {name: asdict(each) for name, each in readings.items()}}
        with self._database.transaction() as connection:
            connection.execute(insert(monitor_checks), row)

    def since(self, moment: datetime) -> list[MonitorCheck]:
        """The checks since then, oldest first."""
        query = select(monitor_checks.c.at, monitor_checks.c.readings).where(monitor_checks.c.at >= moment)
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(monitor_checks.c.at, monitor_checks.c.id)).all()
        return [_check(at, readings) for at, readings in rows]

    def last(self) -> MonitorCheck | None:
        """The newest check."""
        query = select(monitor_checks.c.at, monitor_checks.c.readings)
        with self._database.transaction() as connection:
            row = connection.execute(query.order_by(monitor_checks.c.at.desc()).limit(1)).first()
        return _check(*row) if row else None


def _check(at: datetime, readings: Mapping[str, Mapping[str, float]]) -> MonitorCheck:
    return MonitorCheck(at, {name: TriggerReading(**each) for name, each in readings.items()})
