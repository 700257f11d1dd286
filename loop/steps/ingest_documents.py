"""The steps of the DAG `ingest_documents`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.progress import LineProgress
from core.settings import load_settings
from core.text.personal_data import PersonalDataPolicy
from ingestion.factory import folder_source, open_pipeline
from ingestion.pipeline import Permissions
from ingestion.plan import groups
from ingestion.report import summary

_log = logging.getLogger(__name__)


def plan(run_id: str, params: Mapping[str, Any], most_tasks: int) -> list[list[int]]:
    """Stage what there is to do; returns the numbers of its shards in at most `most_tasks` groups.

    `params` are folder, source, access, personal_data, allow_mass_delete, relocated and dry_run. A dry run stages
    nothing.
    """
    with open_pipeline(load_settings()) as pipeline:
        source = folder_source(pipeline, Path(params["folder"]), params["source"], tuple(params["access"]))
        permissions = Permissions(
            mass_delete=params["allow_mass_delete"],
            relocated=params["relocated"],
            personal_data=PersonalDataPolicy(params["personal_data"]) if params["personal_data"] else None,
        )
        if params["dry_run"]:
            _log.info("A dry run: %s", summary(pipeline.dry_run(source, permissions=permissions)))
            return []
        planned = pipeline.plan(source, run_id, permissions=permissions)
        _log.info("%d new, %d changed, %d vanished documents", planned.new, planned.changed, len(planned.vanished))
        return groups(planned.shards, most_tasks)


def process(run_id: str, portions: Sequence[int]) -> None:
    """Convert, split, embed and stage these shards."""
    with open_pipeline(load_settings()) as pipeline:
        pipeline.process(pipeline.source_of(run_id), run_id, portions, LineProgress(_log.info))


def commit(run_id: str) -> None:
    """Make the run's work visible."""
    with open_pipeline(load_settings()) as pipeline:
        pipeline.commit(run_id)


def verify(run_id: str) -> None:
    """Raises RagloopError when index and manifest disagree."""
    with open_pipeline(load_settings()) as pipeline:
        pipeline.verify(run_id)


def report(run_id: str) -> dict[str, Any]:
    """Record the run as finished; returns its report."""
    with open_pipeline(load_settings()) as pipeline:
        made = pipeline.report(run_id)
    for failure in made["failures"]:
        _log.warning("%s: %s", failure["uri"], failure["reason"])
    for found in made["personal_data"]["documents"]:
        _log.warning("%s, personal data: %s", found["uri"], found["kinds"])
    for partial in made["partial"]:
        _log.warning("%s, read in part: %s", partial["uri"], partial["missing"])
    for left in made["left_alone"]:
        _log.info("%s, left alone: %s", left["uri"], left["reason"])
    _log.info("%s", summary(made))
    return made
