"""/gaps: what people ask and the documents do not say, put together by subject. Plain forms, no script."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from app.auth import ReviewerDep, ServicesDep
from app.fields import is_uuid
from app.pages.forms import form_of, text_of
from app.pages.gaps.desk import GapDesk, GapPage
from app.pages.views import render
from core.errors import InputError, NotFoundError
from loop.gaps.clusters import Gap

router = APIRouter(include_in_schema=False)

RANGES = (7, 30, 90)
_JSON_VERSION = 1

Days = Annotated[int, Query(ge=1, le=366)]


@router.get("/gaps")
def gaps_page(caller: ReviewerDep, services: ServicesDep, days: Days = 30, closed: bool = False) -> Response:
    """The gaps, and what was asked of those who keep the documents."""
    page = GapDesk(services, caller.scope).open(days)
    return render("gaps.html", caller=caller, page=page, ranges=RANGES, closed=closed, problem=None)


@router.get("/gaps.json")
def gaps_json(caller: ReviewerDep, services: ServicesDep, days: Days = 30) -> Response:
    """The same for programs."""
    content = json.dumps(_as_json(GapDesk(services, caller.scope).open(days)), indent=1, ensure_ascii=False)
    headers = {"Content-Disposition": f'attachment; filename="gaps-{days}-days.json"'}
    return Response(content, media_type="application/json", headers=headers)


@router.post("/gaps/{firing_id}/close")
def close(
    firing_id: str, caller: ReviewerDep, services: ServicesDep, form: Annotated[FormData, Depends(form_of)]
) -> Response:
    """Put on record that a request for content is met, or not to be."""
    if not is_uuid(firing_id):
        raise NotFoundError("There is no such request.", hint="/gaps lists those that stand.")
    desk = GapDesk(services, caller.scope)
    try:
        desk.close(firing_id, caller.actor, text_of(form, "reason"))
    except NotFoundError:
        raise
    except InputError as problem:
        page = desk.open(30)
        return render(
            "gaps.html", problem.status, caller=caller, page=page, ranges=RANGES, closed=False, problem=problem
        )
    return RedirectResponse("/gaps?closed=true", 303)


def _as_json(page: GapPage) -> dict[str, Any]:
    return {
        "schema_version": _JSON_VERSION,
        "days": page.days,
        "gaps": [_gap_json(gap) for gap in page.found.gaps],
        "hidden": page.found.hidden,
        "older": page.found.older,
        "requests": [
            {
                "firing": each.firing.id,
                "trigger": each.firing.trigger,
                "state": each.firing.state,
                "at": each.firing.at.isoformat(),
                "reason": each.firing.reason,
                "detail": each.firing.detail,
                "source": each.source,
                "questions": list(each.questions),
            }
            for each in page.requests
        ],
    }


def _gap_json(gap: Gap) -> dict[str, Any]:
    return {
        "question": gap.question,
        "size": gap.size,
        "askers": gap.askers,
        "complaints": gap.complaints,
        "last": gap.last.isoformat(),
        "questions": [
            {"question": each.question, "origin": each.origin, "at": each.at.isoformat()} for each in gap.questions
        ],
    }
