"""A world with something to decide on: a second collection, people with roles, and reports of evaluations."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.release import Release
from core.storage.evals.evaluations import (
    AnswerEntry,
    EvaluationLedger,
    EvaluationRecord,
    EvaluationRepository,
    RowEntry,
)
from core.types import Actor, Role
from tests.support.app_world import World

MAKER = Actor("Ann", frozenset({Role.REVIEW}))
APPROVER = Actor("bob", frozenset({Role.REVIEW, Role.APPROVE}))
BOSS = Actor("eve", frozenset({Role.ADMIN}))


def second_collection(world: World) -> str:
    """The name of a collection with the world's first document, split differently."""
    spec = replace(world.spec, splitter_fingerprint="2")
    first, world.spec = world.spec, spec
    try:
        world.add(
            "handbook/holidays.md", "# Holidays\n\nEvery employee has thirty days of holiday.\n", title="Holidays"
        )
    finally:
        world.spec = first
    return spec.name


def report(
    world: World,
    release: Release,
    *,
    baseline: Release | None = None,
    passes: bool = True,
    state: str = "finished",
    read_revision: int | None = None,
) -> str:
    """The id of an evaluation of the release against `baseline`, by default the world's first release.

    With `read_revision`, one of its answers was read from the release's collection at that revision.
    """
    against = baseline or world.release
    assert against is not None
    repository = EvaluationRepository(world.database)
    record = EvaluationRecord(
        id=str(uuid.uuid4()), release_id=release.id, baseline_id=against.id, dataset="questions", dataset_version=1,
        dataset_sha256="d" * 64, configuration={}, state="running", verdict=None, passes=None, report=None, error=None,
        created_by="ann", created_at=datetime.now(UTC), finished_at=None,
    )  # fmt: skip
    repository.start(record)
    if read_revision is not None:
        _answer(world, record.id, {"collection": release.manifest.collection.name, "revision": read_revision})
    if state == "finished":
        repository.finish(record.id, verdict="better" if passes else "worse", passes=passes, report={})
    if state == "failed":
        repository.fail(record.id, "the index was down")
    return record.id


def _answer(world: World, evaluation_id: str, answer: dict[str, Any]) -> None:
    from sqlalchemy import insert

    from core.storage.tables import evaluation_cases

    case = uuid.uuid4().hex
    with world.database.transaction() as connection:
        connection.execute(insert(evaluation_cases), {"sha256": case, "content": {}})
    EvaluationLedger(world.database).save_answers([AnswerEntry(case, "r", case, "answered", answer, "")])
    EvaluationRepository(world.database).save_rows(evaluation_id, [RowEntry("candidate", 0, case, case)])
