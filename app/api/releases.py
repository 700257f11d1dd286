"""/v1/releases: what there is, who decided what, and deciding."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from app.auth import ApproverDep, ReviewerDep, ServicesDep
from app.fields import Text
from core.storage.releases import ReleaseRepository
from serving.releases.service import ReleaseService
from serving.releases.summary import summaries

router = APIRouter(prefix="/v1/releases")

ReleaseId = Annotated[str, Path(description="The release's id, or its beginning.")]


class CreateRequest(BaseModel):
    """`changes` are values by path, as `ragloop release create --set` takes them; lists show `name` and `reason`."""

    model_config = ConfigDict(extra="forbid")

    base: Text = "champion"
    changes: dict[Text, Text | int | float] = Field(default_factory=dict, max_length=100)
    name: Text = ""
    reason: Text = ""


class DecisionRequest(BaseModel):
    """Why, and the report that was read; without `evaluation_id`, the release's newest."""

    model_config = ConfigDict(extra="forbid")

    reason: Text
    evaluation_id: Text | None = None


class PromotionRequest(BaseModel):
    """`override` is an admin's way past report and approval, for which a reason is needed."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = ""
    override: bool = False


class RollbackRequest(BaseModel):
    """Why the champion goes."""

    model_config = ConfigDict(extra="forbid")

    reason: Text


@router.get("")
def list_releases(_caller: ReviewerDep, services: ServicesDep) -> dict[str, Any]:
    """All releases, newest first, which of them answers, and what each changes against it."""
    releases = ReleaseRepository(services.database)
    champion = releases.champion()
    return {
        "champion": champion.id if champion else None,
        "releases": [each.as_json() for each in summaries(releases.all(), releases.events(), champion)],
    }


@router.post("", status_code=201)
def create_release(caller: ReviewerDep, services: ServicesDep, body: CreateRequest) -> dict[str, Any]:
    """A candidate: a release with changes, which is verified before it is stored."""
    changes = {path: str(value) for path, value in body.changes.items()}
    service = ReleaseService(services)
    return service.create(caller.actor, base=body.base, changes=changes, name=body.name, reason=body.reason).as_json()


@router.post("/rollback")
def roll_back(caller: ApproverDep, services: ServicesDep, body: RollbackRequest) -> dict[str, Any]:
    """Make the champion before this one answer again."""
    return ReleaseService(services).rollback(caller.actor, reason=body.reason).as_json()


@router.get("/{release_id}")
def get_release(release_id: ReleaseId, _caller: ReviewerDep, services: ServicesDep) -> dict[str, Any]:
    """One release with its manifest."""
    return ReleaseService(services).get(release_id).as_json()


@router.get("/{release_id}/history")
def release_history(release_id: ReleaseId, _caller: ReviewerDep, services: ServicesDep) -> dict[str, Any]:
    """What happened to the release, oldest first."""
    events = ReleaseService(services).history(release_id)
    return {"events": [event.as_json() for event in events]}


@router.post("/{release_id}/approve")
def approve(release_id: ReleaseId, caller: ApproverDep, services: ServicesDep, body: DecisionRequest) -> dict[str, Any]:
    """Say that the candidate may be promoted."""
    service = ReleaseService(services)
    return service.approve(release_id, caller.actor, reason=body.reason, evaluation_id=body.evaluation_id).as_json()


@router.post("/{release_id}/reject")
def reject(release_id: ReleaseId, caller: ReviewerDep, services: ServicesDep, body: DecisionRequest) -> dict[str, Any]:
    """Close the candidate."""
    service = ReleaseService(services)
    return service.reject(release_id, caller.actor, reason=body.reason, evaluation_id=body.evaluation_id).as_json()


@router.post("/{release_id}/promote")
def promote(
    release_id: ReleaseId, caller: ApproverDep, services: ServicesDep, body: PromotionRequest
) -> dict[str, Any]:
    """Make the approved candidate the champion."""
    service = ReleaseService(services)
    return service.promote(release_id, caller.actor, reason=body.reason, override=body.override).as_json()
