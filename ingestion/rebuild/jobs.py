"""The steps of a rebuild as functions of plain values: one call, one process. What the DAG's tasks call.

`params` are chunk_tokens, embedder, language and base (of the name), each None for what it is in the live index.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from core.progress import LineProgress
from core.settings import load_settings
from ingestion.factory import Changes, open_rebuild
from ingestion.jobs import groups
from ingestion.rebuild.rebuild import Rebuild
from ingestion.report import summary

_log = logging.getLogger(__name__)


def plan_rebuild(run_id: str, params: Mapping[str, Any], most_tasks: int) -> list[list[int]]:
    """Stage what there is to do; returns the numbers of its shards in at most `most_tasks` groups.

    With `dry_run` in the params nothing is staged.
    """
    with _rebuild(params) as rebuild:
        if params["dry_run"]:
            report = rebuild.dry_run()
            _log.info("A dry run: %s: %s", report["collection"], summary(report))
            return []
        plan = rebuild.plan(run_id)
        _log.info("%s: %d documents to split, %d as they are", plan.collection, plan.new + plan.changed, plan.unchanged)
        return groups(plan.shards, most_tasks)


def process_rebuild(run_id: str, params: Mapping[str, Any], portions: Sequence[int]) -> None:
    """Split, embed and stage these shards."""
    with _rebuild(params) as rebuild:
        rebuild.process(run_id, portions, LineProgress(_log.info))


def commit_rebuild(run_id: str, params: Mapping[str, Any]) -> None:
    """Put the run's work into the new index."""
    with _rebuild(params) as rebuild:
        rebuild.commit(run_id)


def verify_rebuild(run_id: str, params: Mapping[str, Any]) -> dict[str, int]:
    """How much was compared. Raises RagloopError when a point of the new index is not what it should be."""
    with _rebuild(params) as rebuild:
        return rebuild.verify(run_id).as_json()


def report_rebuild(run_id: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What the run did."""
    with _rebuild(params) as rebuild:
        report = rebuild.report(run_id)
    for failure in report["failures"]:
        _log.warning("%s: %s", failure["uri"], failure["reason"])
    return report


def _rebuild(params: Mapping[str, Any]) -> AbstractContextManager[Rebuild]:
    changes = Changes(params["chunk_tokens"], params["embedder"], params["language"], params["base"])
    return open_rebuild(load_settings(), changes)
