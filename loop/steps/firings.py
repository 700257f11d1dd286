"""How a DAG's run takes up a firing and tells it what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import ConflictError
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.settings import load_settings
from core.storage.database import Database
from core.storage.loop.firings import gone_on
from core.types import Actor, Role
from loop.remedies.execution import REMEDIES, settle
from loop.remedies.lifecycle import begin, begun_by, found, said
from loop.remedies.registry import is_installed, open_firings, remedy_of
from serving.factory import Services, open_services
from serving.releases.service import ReleaseService

_log = logging.getLogger(__name__)


def announced(events: Mapping[Any, Sequence[Any]] | None) -> list[str]:
    """The ids of the firings that the events of assets name, which started a run, oldest first."""
    extras = [event.extra or {} for found in (events or {}).values() for event in found]
    return list(dict.fromkeys(str(extra["firing"]) for extra in extras if extra.get("firing")))


def taken_up(firing_ids: Sequence[str], run: str) -> Firing | None:
    """The first of the firings that waits for its remedy, taken up by this run, or that it took up before it was tried
    again. What is left is announced again by the next check."""
    taken = None
    with Database.open(load_settings()) as database:
        firings = open_firings(database)
        for firing in (found(firings, each) for each in firing_ids):
            if taken is None and _took_up(run, firing):
                taken = firing
            elif taken is None and firing.state is FiringState.OPEN:
                taken = begin(firings, firing.id, run)
            else:
                _log.info("left as it is: firing %s, %s", firing.id[:8], firing.state.value)
    if taken is not None:
        _log.info("firing %s of the trigger %s: %s", taken.id[:8], taken.trigger, taken.reason)
    return taken


def note_failure(run: str, error: BaseException | None) -> None:
    """Put on record that the run which took up a firing has failed; nothing if it took up none."""
    with Database.open(load_settings()) as database:
        firings = open_firings(database)
        for firing in firings.all():
            if _took_up(run, firing):
                why = said(error) if error is not None else f"{run} failed; its log says why."
                firings.change(firing, FiringState.FAILED, detail=why)
                if firing.proposal is not None and is_installed(firing):
                    remedy_of(firing).tidy(firing.proposal)


def ordered(firing: Firing) -> Mapping[str, Any]:
    """What a DAG's run is to do for a firing that it has taken up, over its own parameters. Raises ConflictError if
    nothing was proposed yet."""
    if firing.proposal is None:
        raise ConflictError(
            f"Nothing is proposed for the firing {firing.id[:8]} yet.", hint="The DAG monitor_feedback proposes it."
        )
    with Database.open(load_settings()) as database:
        return {**remedy_of(firing).order(database, firing, firing.proposal), "firing": firing.id}


def made_candidate(firing_id: str | None, made: Mapping[str, Any], dag: str, run: str) -> str | None:
    """Make a candidate of what a run of the DAG has `made`, the `changes` among it, as the firing's remedy says, or in
    the name of the DAG where no firing asked for it. Returns its id; None if it is no better than what is live.

    Raises RagloopError when the candidate cannot be served, and ConflictError if somebody else went on with the firing.
    """
    with open_services(load_settings()) as services:
        if firing_id is None:
            return _candidate_by_hand(services, made["changes"], dag, run)
        firing = found(open_firings(services.database), firing_id)
        if firing.state is not FiringState.FAILED and not _took_up(run, firing):
            raise gone_on(firing)
        remedy = remedy_of(firing)
        ended = settle(services, firing, remedy.ended(services, firing.proposal, made), REMEDIES)
        remedy.tidy(firing.proposal)
    return ended.release_id


def _took_up(run: str, firing: Firing) -> bool:
    """Whether the firing's remedy is at work in this run."""
    return firing.state is FiringState.RUNNING and firing.detail == begun_by(run)


def _candidate_by_hand(services: Services, changes: Mapping[str, str], dag: str, run: str) -> str:
    maker = Actor(dag, frozenset({Role.REVIEW}))  # it may make candidates and nothing else
    release = ReleaseService(services).create(maker, changes=changes, reason=run)
    _log.info("candidate %s: %s", release.id[:12], ", ".join(f"{path}={value}" for path, value in changes.items()))
    return release.id
