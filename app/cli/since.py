"""`--since`: a moment as people type it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from core.errors import InputError

_AGO = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def moment_of(since: str, now: datetime) -> datetime:
    """When `since` was. Raises InputError for what is no time, or one that no calendar has."""
    try:
        if ago := _AGO.fullmatch(since):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.combine(date.fromisoformat(since), datetime.min.time(), UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"--since takes a time like 7d, 24h, 30m or 2026-11-01, not {since[:40]!r}.",
            hint="For example --since 30d.",
        ) from error
