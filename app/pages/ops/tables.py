"""The figures by day of the page /ops, out of what the database sums up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from app.pages.figures import in_words
from app.pages.ops.day_tables import DayTable, Series
from core.loop.diagnosis import Cause
from core.loop.enums import Vote
from core.storage.loop.feedback import VoteLine
from core.storage.loop.monitor_checks import MonitorCheck
from core.storage.usage import UsageRow

Calendar = tuple[date, ...]
UNDIAGNOSED = "undiagnosed"


def answer_table(calendar: Calendar, usage: Iterable[UsageRow]) -> DayTable:
    """Answers given, refusals apart."""
    rows = {row.group: row for row in usage}
    given = {day: row.answers - row.abstained for day, row in rows.items()}
    refused = {day: row.abstained for day, row in rows.items()}
    columns = _counted("answered", "Answered", calendar, given), _counted("refused", "Refused", calendar, refused)
    return DayTable("answers", "count", calendar, columns)


def time_table(calendar: Calendar, usage: Iterable[UsageRow]) -> DayTable:
    """Seconds to the first words of an answer."""
    rows = {row.group: row for row in usage}
    half = {day: row.first_token_p50 for day, row in rows.items()}
    slow = {day: row.first_token_p95 for day, row in rows.items()}
    columns = _measured("p50", "Half within", calendar, half), _measured("p95", "95 % within", calendar, slow)
    return DayTable("times", "seconds", calendar, columns)


def cost_table(calendar: Calendar, usage: Iterable[UsageRow]) -> DayTable:
    """What answers cost at the prices set."""
    costs = {row.group: row.cost for row in usage}
    return DayTable("costs", "money", calendar, (_measured("cost", "Cost", calendar, costs),))


def vote_table(calendar: Calendar, votes: Iterable[VoteLine]) -> DayTable:
    """The votes that count."""
    given = Counter((vote.vote, _day(vote)) for vote in votes)
    columns = [
        _counted(vote, in_words(vote), calendar, {day: count for (said, day), count in given.items() if said is vote})
        for vote in Vote
    ]
    return DayTable("votes", "count", calendar, tuple(columns))


def cause_table(calendar: Calendar, votes: Iterable[VoteLine], causes: Mapping[str, Cause]) -> DayTable:
    """What was wrong with the answers that were voted down, by the day of the vote; `causes` by the vote's id."""
    found = Counter((causes.get(vote.id, UNDIAGNOSED), _day(vote)) for vote in votes if vote.vote is Vote.DOWN)
    columns = [
        _counted(name, in_words(name), calendar, {day: count for (cause, day), count in found.items() if cause == name})
        for name in (*Cause, UNDIAGNOSED)
    ]
    return DayTable("causes", "count", calendar, tuple(columns))


def trigger_table(calendar: Calendar, checks: Iterable[MonitorCheck]) -> DayTable:
    """What each trigger measured when it was last checked on a day. `checks` begin with the oldest."""
    last: dict[str, dict[str | None, float | None]] = {}
    for check in checks:
        for name, reading in check.readings.items():
            last.setdefault(name, {})[check.at.date().isoformat()] = reading.value
    columns = [_measured(name, in_words(name), calendar, values) for name, values in sorted(last.items())]
    return DayTable("triggers", "number", calendar, tuple(columns))


def _day(vote: VoteLine) -> str:
    return vote.at.date().isoformat()


def _counted(name: str, label: str, calendar: Calendar, counts: Mapping[str | None, int]) -> Series:
    """A day without any has 0."""
    return Series(str(name), label, tuple(counts.get(day.isoformat(), 0) for day in calendar))


def _measured(name: str, label: str, calendar: Calendar, values: Mapping[str | None, float | None]) -> Series:
    """A day without any has none."""
    return Series(name, label, tuple(values.get(day.isoformat()) for day in calendar))
