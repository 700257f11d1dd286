"""The steps of the DAG `monitor_feedback`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from core.feedback import FiringState, Remedy
from core.storage.loop.firings import FiringRepository
from loop import remedies
from loop.remedies.execution import close
from loop.remedies.lifecycle import failures_on_record, found
from loop.remedies.proposal import NOTHING_BETTER
from loop.steps.firings import opened_services
from loop.triggers.monitor import Monitor

_log = logging.getLogger(__name__)


def check() -> dict[str, list[str]]:
    """Check the triggers; returns the ids of the firings about which nothing was done yet, by remedy, oldest first."""
    with opened_services() as services:
        for fired in Monitor(services).check(datetime.now(UTC)):
            _log.info("%s → %s: %s", fired.trigger, fired.remedy.value, fired.reason)
        waiting = [each for each in FiringRepository(services.database).all() if each.state is FiringState.OPEN]
    found = {remedy.value: [each.id for each in reversed(waiting) if each.remedy is remedy] for remedy in Remedy}
    _log.info("waiting: %s", ", ".join(f"{remedy} {len(ids)}" for remedy, ids in found.items()))
    return found


def propose(firing_id: str) -> bool:
    """Put on record what the firing's remedy is to do; whether there is anything to do."""
    with opened_services() as services:
        firings = FiringRepository(services.database)
        firing = found(firings, firing_id)
        if firing.state is not FiringState.OPEN:
            _log.info("the firing %s is %s by now", firing.id[:8], firing.state.value)
            return False
        with failures_on_record(firings, firing.id):
            proposal = firing.proposal or remedies.propose(services, firing, _log.info)
        if NOTHING_BETTER in proposal:
            close(services, firing, proposal)
            _log.info("%s", proposal[NOTHING_BETTER])
            return False
        firings.change(firing.id, FiringState.OPEN, proposal=proposal)
    _log.info("proposed: %s", proposal)
    return True


def carry_out(firing_id: str) -> str | None:
    """Do what the firing's remedy is, here; returns the candidate release's id if that made one."""
    with opened_services() as services:
        firing = found(FiringRepository(services.database), firing_id)
        ended = remedies.carry_out(services, firing, _log.info)
    _log.info("%s: %s", ended.state.value, ended.detail)
    return ended.release_id
