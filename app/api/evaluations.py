"""GET /v1/evaluations and /v1/evaluations/{id}: what was evaluated, and each report."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.auth import ReviewerDep, ServicesDep
from app.pages.reviews.desk import ReviewDesk
from core.storage.evals.evaluations import EvaluationRecord, EvaluationRepository
from core.storage.releases import ReleaseRepository
from serving.releases.summary import summaries

router = APIRouter(prefix="/v1")


@router.get("/evaluations")
def list_evaluations(
    _caller: ReviewerDep, services: ServicesDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> dict[str, Any]:
    """The newest evaluations, without their reports, with what each release changes against the champion."""
    found, releases = EvaluationRepository(services.database).latest(limit), ReleaseRepository(services.database)
    told = {each.release.id: each for each in summaries(releases.all(), releases.events(), releases.champion())}
    return {
        "evaluations": [
            {**_header(record), **(told[record.release_id].beside() if record.release_id in told else {})}
            for record in found
        ]
    }


@router.get("/evaluations/{evaluation_id}")
def get_evaluation(evaluation_id: str, _caller: ReviewerDep, services: ServicesDep) -> dict[str, Any]:
    """One evaluation by its id, or by an id's beginning; `report` is null until it has finished."""
    record = ReviewDesk(services).record(evaluation_id)
    return {**_header(record), "configuration": record.configuration, "report": record.report}


def _header(record: EvaluationRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "release": record.release_id,
        "baseline": record.baseline_id,
        "dataset": {"name": record.dataset, "version": record.dataset_version, "sha256": record.dataset_sha256},
        "state": record.state,
        "verdict": record.verdict,
        "passes": record.passes,
        "error": record.error,
        "created_by": record.created_by,
        "created_at": record.created_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
    }
