"""What the audit trail says: pure functions over a list of events, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from core.release import Release, ReleaseEvent, ReleaseEventKind

_PUSHES = frozenset({ReleaseEventKind.INSTALLED, ReleaseEventKind.PROMOTED, ReleaseEventKind.OVERRIDDEN})
_BECOMES_CANDIDATE = frozenset({ReleaseEventKind.CREATED, ReleaseEventKind.REOPENED})


def champions(events: Iterable[ReleaseEvent]) -> list[str]:
    """Ids of the champions that a rollback would lead back through, the one of now last.

    A stack: a promotion puts its release on top, a rollback takes the top away. So what was rolled back is never rolled
    back to, and two rollbacks lead two promotions back.
    """
    stack: list[str] = []
    for event in events:
        if event.event in _PUSHES:
            stack.append(event.release_id)
        elif event.event is ReleaseEventKind.ROLLED_BACK:
            stack.pop()
    return stack


def standing_approval(events: Sequence[ReleaseEvent]) -> ReleaseEvent | None:
    """The approval that one release may be promoted on: it stands while nothing else has happened to the release."""
    if events and events[-1].event is ReleaseEventKind.APPROVED:
        return events[-1]
    return None


def made_by(name: str, release: Release, events: Iterable[ReleaseEvent]) -> bool:
    """Whether this person made the release a candidate, now or earlier. Upper and lower case are one."""
    makers = {event.actor for event in events if event.event in _BECOMES_CANDIDATE} | {release.created_by}
    return _same(name) in {_same(maker) for maker in makers}


def why_made(events: Iterable[ReleaseEvent]) -> str:
    """Why one release was made, or became a candidate again: what was said last. Empty where nothing was said."""
    reasons = [event.reason for event in events if event.event in _BECOMES_CANDIDATE and event.reason]
    return reasons[-1] if reasons else ""


def reopened_at(events: Iterable[ReleaseEvent]) -> datetime | None:
    """When the release last became a candidate again. Reports from before are about another occasion."""
    return max((event.at for event in events if event.event is ReleaseEventKind.REOPENED), default=None)


def _same(name: str) -> str:
    return name.strip().casefold()
