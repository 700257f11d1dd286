"""What a person does about firings by hand: open one, and close one. The rules; core.storage.loop has the SQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.errors import ConflictError, InputError, NotFoundError
from core.loop.enums import FiringState
from core.loop.feedback import Firing, SeenSources
from core.permissions import Deed, require
from core.types import Actor
from loop.remedies.lifecycle import is_abandoned
from loop.remedies.registry import find_remedy, open_firings
from loop.triggers.decision import UNFINISHED, Weighed
from loop.triggers.monitor import Monitor, new_firing
from serving.factory import Services

LONGEST_REASON = 1000


class FiringService:
    """Firings by hand, for people of role review."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._firings = open_firings(services.database)

    def find(self, firing_id: str) -> Firing:
        """The firing with this id, or whose id begins so. Raises NotFoundError."""
        found = self._firings.get(firing_id) if firing_id else None
        if found is None:
            raise NotFoundError(
                f"There is no single firing {firing_id[:60]!r}.", hint="`ragloop triggers list` shows the ids."
            )
        return found

    def newest(self) -> Firing:
        """The newest firing. Raises NotFoundError if there was none."""
        found = self._firings.all(1)
        if not found:
            raise NotFoundError("No trigger has fired yet.", hint="`ragloop triggers check` tells how far each is.")
        return found[0]

    def open(self, trigger: str, actor: Actor, reason: str, remedy: str | None = None) -> Firing:
        """Fire the trigger now, whatever its threshold and its cool-down say; `remedy` may be another than its own.

        Raises InputError without a reason, RoleNeededError, NotFoundError for an unknown trigger or remedy, and
        ConflictError while the trigger waits for an earlier firing.
        """
        require(actor, Deed.HANDLE_FIRINGS)
        _check_reason(reason)
        if remedy is not None:
            find_remedy(remedy)
        now = datetime.now(UTC)
        monitor = Monitor(self._services)
        monitor.rules.trigger(trigger)
        monitor.settle(now)
        firings = [each for each in self._firings.all() if each.trigger == trigger]
        unfinished = [each for each in firings if each.state in UNFINISHED]
        if unfinished:
            raise ConflictError(
                f"The trigger {trigger} waits for its firing {unfinished[0].id[:8]}, which is {unfinished[0].state}.",
                hint=f"Run it or close it first: ragloop triggers show {unfinished[0].id[:8]}",
            )
        weighed = next(each for each in monitor.look(now).weighed if each.trigger == trigger)
        firing = new_firing(_by_hand(weighed, actor, reason, remedy), now)
        if not self._firings.add_next(firing, firings[0].id if firings else None):
            raise ConflictError(f"The trigger {trigger} fired just now.", hint="`ragloop triggers list` shows it.")
        return firing

    def close(self, firing_id: str, actor: Actor, reason: str) -> Firing:
        """Put on record that the firing is done or needs nothing done. A candidate that it led to stays as it is.

        Raises InputError without a reason, RoleNeededError, NotFoundError, and ConflictError if it is closed, its
        remedy is at work, or somebody else went on with it meanwhile.
        """
        require(actor, Deed.HANDLE_FIRINGS)
        _check_reason(reason)
        firing = self.find(firing_id)
        if firing.state is FiringState.CLOSED:
            raise ConflictError(f"The firing {firing.id[:8]} is closed: {firing.detail}")
        if firing.state is FiringState.RUNNING and not is_abandoned(firing, datetime.now(UTC)):
            raise ConflictError(
                f"The remedy of the firing {firing.id[:8]} is at work: {firing.detail}",
                hint="Stop it where it runs; then it is on record as failed and can be closed.",
            )
        return self._firings.change(firing, FiringState.CLOSED, detail=f"Closed by {actor.name}: {reason.strip()}")


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InputError(
            f"A reason of 1 to {LONGEST_REASON:,} characters is needed: it goes on record.", hint="Give --reason."
        )


def _by_hand(weighed: Weighed, actor: Actor, reason: str, remedy: str | None) -> Weighed:
    """What is weighed, as a firing of this person's."""
    said = f"{actor.name}, by hand: {reason.strip()}"
    seen = weighed.evidence.seen
    if isinstance(seen, SeenSources) and not seen.sources:
        seen = seen.model_copy(update={"sources": tuple(sorted(seen.ages_days))})  # none is stale yet: all are read
    evidence = weighed.evidence.model_copy(update={"by": actor.name, "seen": seen})
    return replace(weighed, remedy=remedy or weighed.remedy, reason=said, evidence=evidence)
