"""The steps of the DAG `rebuild_index`. They begin with an order: what a person asked for, or what a firing proposes
that an asset's event names. From then on both are one thing, but that the firing is told how it ends.

An order has chunk_tokens, embedder, language and base (of the name), each None for what it is in the live index; the
sources to `refresh`; the id of the `firing`, None for a person's; and what else the run's parameters say.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from core.progress import LineProgress
from core.settings import load_settings
from ingestion.plan import groups
from ingestion.rebuild.factory import Changes, open_rebuild
from ingestion.rebuild.rebuild import Rebuild
from ingestion.report import summary
from loop.remedies.refresh import refresh_sources
from loop.steps.firings import made_candidate, ordered, taken_up

_log = logging.getLogger(__name__)


def order(params: Mapping[str, Any], firing_ids: Sequence[str], run: str) -> dict[str, Any] | None:
    """The parameters of a rebuild: `params` as a person gave them, or those of the firing that was announced first and
    that nobody has taken up, which this run takes up then. None if all that were announced are taken up."""
    if not firing_ids:
        return {**params, "base": None, "refresh": [], "firing": None}
    firing = taken_up(firing_ids, run)
    return None if firing is None else {**params, **ordered(firing)}


def plan(run_id: str, wanted: Mapping[str, Any], most_tasks: int) -> list[list[int]]:
    """Stage what there is to do; returns the numbers of its shards in at most `most_tasks` groups.

    With `dry_run` in the order nothing is staged.
    """
    with _rebuild(wanted) as rebuild:
        if wanted["dry_run"]:
            counted = rebuild.dry_run()
            _log.info("A dry run: %s: %s", counted["collection"], summary(counted))
            return []
        planned = rebuild.plan(run_id)
        split = planned.new + planned.changed
        _log.info("%s: %d documents to split, %d as they are", planned.collection, split, planned.unchanged)
        return groups(planned.shards, most_tasks)


def process(run_id: str, wanted: Mapping[str, Any], portions: Sequence[int]) -> None:
    """Split, embed and stage these shards."""
    with _rebuild(wanted) as rebuild:
        rebuild.process(run_id, portions, LineProgress(_log.info))


def commit(run_id: str, wanted: Mapping[str, Any]) -> None:
    """Put the run's work into the new index."""
    with _rebuild(wanted) as rebuild:
        rebuild.commit(run_id)


def verify(run_id: str, wanted: Mapping[str, Any]) -> dict[str, int]:
    """How much was compared. Raises RagloopError when a point of the new index is not what it should be."""
    with _rebuild(wanted) as rebuild:
        return rebuild.verify(run_id).as_json()


def report(run_id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the run did."""
    with _rebuild(wanted) as rebuild:
        made = rebuild.report(run_id)
    for failure in made["failures"]:
        _log.warning("%s: %s", failure["uri"], failure["reason"])
    _log.info("%s: %s", made["collection"], summary(made))
    return made


def refresh(wanted: Mapping[str, Any], collection: str) -> None:
    """Bring the new collection up to date with the sources that the order names."""
    refresh_sources(load_settings(), collection, wanted["refresh"], _log.info)


def candidate(wanted: Mapping[str, Any], collection: str, run: str) -> str | None:
    """Make a candidate of the new collection; returns its id."""
    return made_candidate(wanted["firing"], {"changes": {"collection": collection}}, "rebuild_index", run)


def _rebuild(wanted: Mapping[str, Any]) -> AbstractContextManager[Rebuild]:
    changes = Changes(wanted["chunk_tokens"], wanted["embedder"], wanted["language"], wanted["base"])
    return open_rebuild(load_settings(), changes)
