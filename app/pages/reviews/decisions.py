"""Deciding on a report: approve, reject, promote, roll back. Each leads back to the page that shows what became of it.

What is refused is said on the page, beside the reason that was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from app.auth import ApproverDep, Caller, ReviewerDep, ServicesDep
from app.fields import Text
from app.pages.reviews.desk import ReviewDesk
from app.pages.reviews.page import one_review, reviews_page
from core.errors import InputError
from serving.factory import Services
from serving.releases.service import LONGEST_REASON, ReleaseService

router = APIRouter(include_in_schema=False)

Reason = Annotated[Text, Form(max_length=2 * LONGEST_REASON)]


@router.post("/reviews/rollback")
def roll_back(caller: ApproverDep, services: ServicesDep, reason: Reason = "") -> Response:
    """Go back to the champion before this one."""
    try:
        ReleaseService(services).rollback(caller.actor, reason=reason)
    except InputError as problem:
        return reviews_page(caller, ReviewDesk(services), problem, reason)
    return RedirectResponse("/reviews", 303)


@router.post("/reviews/{evaluation_id}/approve")
def approve(evaluation_id: str, caller: ApproverDep, services: ServicesDep, reason: Reason = "") -> Response:
    """Say that the candidate may be promoted."""

    def act(release_id: str, evaluation: str) -> None:
        ReleaseService(services).approve(release_id, caller.actor, reason=reason, evaluation_id=evaluation)

    return _decided(caller, services, evaluation_id, act, reason)


@router.post("/reviews/{evaluation_id}/reject")
def reject(evaluation_id: str, caller: ReviewerDep, services: ServicesDep, reason: Reason = "") -> Response:
    """Close the candidate."""

    def act(release_id: str, evaluation: str) -> None:
        ReleaseService(services).reject(release_id, caller.actor, reason=reason, evaluation_id=evaluation)

    return _decided(caller, services, evaluation_id, act, reason)


@router.post("/reviews/{evaluation_id}/promote")
def promote(evaluation_id: str, caller: ApproverDep, services: ServicesDep, reason: Reason = "") -> Response:
    """Let the approved candidate answer from now on."""

    def act(release_id: str, _evaluation: str) -> None:
        ReleaseService(services).promote(release_id, caller.actor, reason=reason)

    return _decided(caller, services, evaluation_id, act, reason)


def _decided(
    caller: Caller, services: Services, evaluation_id: str, act: Callable[[str, str], None], reason: str
) -> Response:
    desk = ReviewDesk(services)
    record = desk.record(evaluation_id)
    try:
        act(record.release_id, record.id)
    except InputError as problem:
        return one_review(caller, desk, record.id, problem=problem, reason=reason)
    return RedirectResponse(f"/reviews/{record.id}#decide", 303)
