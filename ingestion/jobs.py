"""The steps of an ingestion run as functions of plain values: one call, one process. What the DAG's tasks call."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.progress import LineProgress
from core.settings import load_settings
from ingestion.factory import folder_source, open_pipeline
from ingestion.pipeline import Permissions
from ingestion.report import summary

_log = logging.getLogger(__name__)


def plan_run(run_id: str, params: Mapping[str, Any], most_tasks: int) -> list[list[int]]:
    """Stage what there is to do; returns the numbers of its shards in at most `most_tasks` groups.

    `params` are folder, source, access, allow_mass_delete, relocated and dry_run. A dry run stages nothing.
    """
    with open_pipeline(load_settings()) as pipeline:
        source = folder_source(pipeline, Path(params["folder"]), params["source"], tuple(params["access"]))
        permissions = Permissions(mass_delete=params["allow_mass_delete"], relocated=params["relocated"])
        if params["dry_run"]:
            _log.info("A dry run: %s", summary(pipeline.dry_run(source, permissions=permissions)))
            return []
        plan = pipeline.plan(source, run_id, permissions=permissions)
        _log.info("%d new, %d changed, %d vanished documents", plan.new, plan.changed, len(plan.vanished))
        return groups(plan.shards, most_tasks)


def process_portions(run_id: str, portions: Sequence[int]) -> None:
    """Convert, split, embed and stage these shards."""
    with open_pipeline(load_settings()) as pipeline:
        pipeline.process(pipeline.source_of(run_id), run_id, portions, LineProgress(_log.info))


def commit_run(run_id: str) -> None:
    """Make the run's work visible."""
    with open_pipeline(load_settings()) as pipeline:
        pipeline.commit(run_id)


def verify_run(run_id: str) -> None:
    """Raises RagloopError when index and manifest disagree."""
    with open_pipeline(load_settings()) as pipeline:
        pipeline.verify(run_id)


def report_run(run_id: str) -> dict[str, Any]:
    """Record the run as finished; returns its report."""
    with open_pipeline(load_settings()) as pipeline:
        report = pipeline.report(run_id)
    for failure in report["failures"]:
        _log.warning("%s: %s", failure["uri"], failure["reason"])
    return report


def groups(shards: int, most: int) -> list[list[int]]:
    """The numbers 0 to `shards` - 1 in at most `most` groups of nearly equal size, each without gaps."""
    count = min(shards, most)
    bounds = [shards * group // count for group in range(count + 1)] if count else [0]
    return [list(range(begin, end)) for begin, end in itertools.pairwise(bounds)]
