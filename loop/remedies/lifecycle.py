"""How far the remedy of a firing is, on record: begun once, and ended in words, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.errors import ConflictError, NotFoundError, RagloopError
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.release import ReleaseStatus
from core.storage.loop.firings import FiringRepository
from core.storage.releases import ReleaseRepository

# A remedy that has not ended so long after it began was killed. The longest, a tuning or an index of a large corpus,
# takes a few hours.
ABANDONED_AFTER = timedelta(hours=12)

_WHY_NOT = {
    FiringState.RUNNING: "its remedy is at work",
    FiringState.CANDIDATE: "it has led to a candidate",
    FiringState.REQUESTED: "content was asked for",
    FiringState.CLOSED: "it is closed",
}
_OUTCOMES = {
    ReleaseStatus.CHAMPION: "Its candidate was promoted.",
    ReleaseStatus.RETIRED: "Its candidate was promoted, and another release has taken its place.",
    ReleaseStatus.REJECTED: "Its candidate was rejected.",
}


def found(firings: FiringRepository, firing_id: str) -> Firing:
    """The firing with this id. Raises NotFoundError."""
    firing = firings.get(firing_id)
    if firing is None:
        raise NotFoundError(f"There is no firing {firing_id[:80]!r}.", hint="`ragloop triggers list` shows the ids.")
    return firing


def begin(firings: FiringRepository, firing_id: str, who: str) -> Firing:
    """Take the firing up, in the name of `who`. Raises NotFoundError, and ConflictError if that was done before."""
    firing = found(firings, firing_id)
    if is_abandoned(firing, datetime.now(UTC)):
        firings.change(firing, FiringState.FAILED, detail=f"Nothing was heard of it since: {firing.detail}")
    if not firings.begin(firing.id, begun_by(who)):
        now = found(firings, firing.id)
        raise ConflictError(
            f"Nothing is to be done about the firing {now.id[:8]}: {_WHY_NOT.get(now.state, now.state.value)}.",
            hint="`ragloop triggers show` says more; `ragloop triggers run --trigger` opens another.",
        )
    return found(firings, firing.id)


def begun_by(who: str) -> str:
    """What the firing says of a remedy that is at work."""
    return f"Begun by {who}."


@contextmanager
def failures_on_record(firings: FiringRepository, seen: Firing) -> Iterator[None]:
    """Whatever the block raises is on record as the failure of the firing that was `seen`, and raised. Where somebody
    else went on with the firing meanwhile, what they did stands."""
    try:
        yield
    except BaseException as error:
        with suppress(ConflictError):
            firings.change(seen, FiringState.FAILED, detail=said(error))
        raise


def said(error: BaseException) -> str:
    """What went wrong, for the person who reads the firing."""
    if isinstance(error, RagloopError):
        return f"{error.message} {error.hint}".strip()
    if isinstance(error, KeyboardInterrupt):
        return "It was stopped."
    return f"{type(error).__name__}: {error}"


def settled(firing: Firing, releases: ReleaseRepository, now: datetime) -> Firing:
    """The firing, ended if its candidate was decided on or its remedy was killed; as it is if neither is so."""
    if firing.state is FiringState.CANDIDATE and firing.release_id is not None:
        release = releases.get(firing.release_id)
        if release is not None and release.status in _OUTCOMES:
            return replace(firing, state=FiringState.CLOSED, changed_at=now, detail=_OUTCOMES[release.status])
    if is_abandoned(firing, now):
        return replace(firing, state=FiringState.FAILED, changed_at=now, detail=f"It did not end. {firing.detail}")
    return firing


def is_abandoned(firing: Firing, now: datetime) -> bool:
    """Whether the firing's remedy began and was killed, as far as one can tell. Pure."""
    return firing.state is FiringState.RUNNING and now - firing.changed_at > ABANDONED_AFTER
