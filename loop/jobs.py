"""The steps of the DAGs that close the loop, as functions of plain values: one call, one process.

`monitor_feedback` calls `check`, `propose` and `carry_out`. `rebuild_index` and `tune_generator` begin with an order:
what a person asked for, or what a firing proposes that an asset's event names. From then on both are one thing, but
that the firing is told how it ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from core.errors import InputError
from core.feedback import Firing, FiringState, Remedy
from core.progress import LineProgress
from core.settings import load_settings
from core.storage.database import Database
from core.storage.loop.firings import FiringRepository
from loop import remedies
from loop.remedies.execution import REMEDIES, close, make_candidate, settle_tuning
from loop.remedies.lifecycle import (
    begin,
    begun_by,
    failures_on_record,
    found,
    said,
)
from loop.remedies.proposal import NOTHING_BETTER
from loop.remedies.refresh import refresh_sources
from loop.remedies.reindex import index_changes
from loop.remedies.retune import measured, remove_rows, tuning_params, write_rows
from loop.triggers.monitor import Monitor
from serving.factory import Services, open_services
from serving.finetune.tuning import Tuner
from serving.jobs import create_candidate

_log = logging.getLogger(__name__)


def announced(events: Mapping[Any, Sequence[Any]] | None) -> list[str]:
    """The ids of the firings that the events of assets name, which started a run, oldest first."""
    extras = [event.extra or {} for found in (events or {}).values() for event in found]
    return list(dict.fromkeys(str(extra["firing"]) for extra in extras if extra.get("firing")))


# -- monitor_feedback


def check() -> dict[str, list[str]]:
    """Check the triggers; returns the ids of the firings about which nothing was done yet, by remedy, oldest first."""
    with _services() as services:
        for fired in Monitor(services).check(datetime.now(UTC)):
            _log.info("%s → %s: %s", fired.trigger, fired.remedy.value, fired.reason)
        waiting = [each for each in FiringRepository(services.database).all() if each.state is FiringState.OPEN]
    found = {remedy.value: [each.id for each in reversed(waiting) if each.remedy is remedy] for remedy in Remedy}
    _log.info("waiting: %s", ", ".join(f"{remedy} {len(ids)}" for remedy, ids in found.items()))
    return found


def propose(firing_id: str) -> bool:
    """Put on record what the firing's remedy is to do; whether there is anything to do."""
    with _services() as services:
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
    with _services() as services:
        firing = found(FiringRepository(services.database), firing_id)
        ended = remedies.carry_out(services, firing, _log.info)
    _log.info("%s: %s", ended.state.value, ended.detail)
    return ended.release_id


# -- orders


def rebuild_order(params: Mapping[str, Any], firing_ids: Sequence[str], run: str) -> dict[str, Any] | None:
    """The parameters of a rebuild: `params` as a person gave them, or those of the firing that was announced first and
    that nobody has taken up, which this run takes up then. None if all that were announced are taken up."""
    if not firing_ids:
        return {**params, "base": None, "refresh": [], "firing": None}
    firing = _taken_up(firing_ids, run)
    if firing is None:
        return None
    changes = index_changes(firing.proposal, firing.id)
    return {
        **params,
        "chunk_tokens": changes.chunk_tokens,
        "base": changes.base,
        "refresh": list(firing.proposal.get("refresh") or ()),
        "firing": firing.id,
    }


def tuning_order(params: Mapping[str, Any], firing_ids: Sequence[str], run: str) -> dict[str, Any] | None:
    """The parameters of a tuning, as `rebuild_order` has those of a rebuild. The rows of a firing are written down."""
    if not firing_ids:
        return {**_tuned_by_hand(params), "firing": None}
    firing = _taken_up(firing_ids, run)
    if firing is None:
        return None
    with _database() as database:
        _log.info("%d rows", write_rows(database, firing.proposal))
    return {**params, **tuning_params(firing.proposal), "firing": firing.id}


def refresh(order: Mapping[str, Any], collection: str) -> None:
    """Bring the new collection up to date with the sources that the order names."""
    refresh_sources(load_settings(), collection, order["refresh"], _log.info)


# -- how it ends


def rebuilt_candidate(order: Mapping[str, Any], collection: str, run: str) -> str:
    """Make a candidate of the new collection; returns its id."""
    changes = {"collection": collection}
    if order["firing"] is None:
        return create_candidate(changes, "rebuild_index", run)
    with _services() as services:
        firing = found(FiringRepository(services.database), order["firing"])
        return make_candidate(services, firing, changes, REMEDIES)


def tuned_candidate(order: Mapping[str, Any], tuned: Mapping[str, Any], run: str) -> str | None:
    """Make a candidate of the adapter, unless a firing asked for it and it is no better; returns its id. `tuned` is
    what serving.finetune.jobs.tune returned."""
    if order["firing"] is None:
        return create_candidate(tuned["changes"], "tune_generator", run)
    with _services() as services:
        firing = found(FiringRepository(services.database), order["firing"])
        result = Tuner(services.settings, LineProgress(_log.info)).result(tuned["order"])
        proposal = {**firing.proposal, "result": measured(result)}
        release = settle_tuning(services, firing, proposal, tuned["changes"], REMEDIES)
        remove_rows(proposal)
    return release


def note_failure(run: str, error: BaseException | None) -> None:
    """Put on record that the run which took up a firing has failed; nothing if it took up none."""
    with _database() as database:
        firings = FiringRepository(database)
        for firing in firings.all():
            if firing.state is FiringState.RUNNING and firing.detail == begun_by(run):
                why = said(error) if error is not None else f"{run} failed; its log says why."
                firings.change(firing.id, FiringState.FAILED, detail=why)
                if firing.remedy is Remedy.RETUNE:
                    remove_rows(firing.proposal)


def _tuned_by_hand(params: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InputError without rows or a base model."""
    base = params["base"] or load_settings().tuning_base
    if not params["dataset"] or not base:
        raise InputError(
            "A tuning that is started by hand needs `dataset`, a file of rows, and `base`, the model's folder.",
            hint="Set both among the run's parameters; RAGLOOP_TUNING_BASE may name the folder.",
        )
    return {**params, "base": str(base)}


def _taken_up(firing_ids: Sequence[str], run: str) -> Firing | None:
    """The first of the firings that waits for its remedy, taken up by this run, or that it took up before it was tried
    again. What is left is announced again by the next check."""
    taken = None
    with _database() as database:
        firings = FiringRepository(database)
        for firing in (found(firings, each) for each in firing_ids):
            mine = firing.state is FiringState.RUNNING and firing.detail == begun_by(run)
            if taken is None and mine:
                taken = firing
            elif taken is None and firing.state is FiringState.OPEN:
                taken = begin(firings, firing.id, run)
            else:
                _log.info("left as it is: firing %s, %s", firing.id[:8], firing.state.value)
    if taken is not None:
        _log.info("firing %s of the trigger %s: %s", taken.id[:8], taken.trigger, taken.reason)
    return taken


@contextmanager
def _services() -> Iterator[Services]:
    services = open_services(load_settings())
    try:
        yield services
    finally:
        services.close()


@contextmanager
def _database() -> Iterator[Database]:
    database = Database.open(load_settings())
    try:
        yield database
    finally:
        database.close()
