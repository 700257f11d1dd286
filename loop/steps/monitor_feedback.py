"""The steps of the DAG `monitor_feedback`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from core.loop.enums import FiringState
from core.loop.feedback import NothingBetter
from core.settings import load_settings
from loop.remedies import execution
from loop.remedies.catalogue import remedy_names
from loop.remedies.execution import REMEDIES, settle
from loop.remedies.lifecycle import failures_on_record, found
from loop.remedies.registry import open_firings, remedy_of
from loop.triggers.monitor import Monitor
from serving.factory import open_services

_log = logging.getLogger(__name__)


def check() -> dict[str, list[str]]:
    """Check the triggers; returns the ids of the firings about which nothing was done yet, by remedy, oldest first."""
    with open_services(load_settings()) as services:
        for fired in Monitor(services).check(datetime.now(UTC)):
            _log.info("%s → %s: %s", fired.trigger, fired.remedy, fired.reason)
        waiting = [each for each in open_firings(services.database).all() if each.state is FiringState.OPEN]
    by_remedy = {name: [each.id for each in reversed(waiting) if each.remedy == name] for name in remedy_names()}
    _log.info("waiting: %s", ", ".join(f"{remedy} {len(ids)}" for remedy, ids in by_remedy.items()))
    return by_remedy


def propose(firing_id: str) -> bool:
    """Put on record what the firing's remedy is to do; whether there is anything to do.

    Raises ConflictError if somebody went on with the firing meanwhile.
    """
    with open_services(load_settings()) as services:
        firings = open_firings(services.database)
        firing = found(firings, firing_id)
        if firing.state is not FiringState.OPEN:
            _log.info("the firing %s is %s by now", firing.id[:8], firing.state.value)
            return False
        remedy = remedy_of(firing)
        with failures_on_record(firings, firing):
            proposal = firing.proposal or execution.propose(services, firing, _log.info)
        if isinstance(proposal, NothingBetter):
            settle(services, firing, proposal, REMEDIES)
            _log.info("%s", proposal.why)
            return False
        firings.change(firing, FiringState.OPEN, proposal=proposal)
    _log.info("proposed: %s", remedy.in_words(proposal))
    return True


def carry_out(firing_id: str) -> str | None:
    """Do what the firing's remedy is, here; returns the candidate release's id if that made one."""
    with open_services(load_settings()) as services:
        firing = found(open_firings(services.database), firing_id)
        ended = execution.carry_out(services, firing, _log.info)
    _log.info("%s: %s", ended.state.value, ended.detail)
    return ended.release_id
