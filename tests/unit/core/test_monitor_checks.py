"""What the checks of the triggers saw is kept as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.storage.database import Database
from core.storage.loop.monitor_checks import MonitorCheck, MonitorCheckRepository, TriggerReading

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_checks_come_back_oldest_first_and_the_newest_is_the_last(database: Database) -> None:
    checks = MonitorCheckRepository(database)
    assert checks.last() is None
    later = {"drift_questions": TriggerReading(0.4, 0.3)}
    earlier = {"drift_questions": TriggerReading(None, 0.3), "refusal_rate": TriggerReading(0.0, 0.25)}
    checks.add(NOON, later)
    checks.add(NOON - timedelta(hours=1), earlier)
    assert checks.last() == MonitorCheck(NOON, later)
    assert [check.readings for check in checks.since(NOON - timedelta(days=1))] == [earlier, later]
    assert [check.readings for check in checks.since(NOON)] == [later]
