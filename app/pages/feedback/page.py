"""/feedback: what people said about answers, to be accepted or dismissed by a person. Plain forms, no script."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import FormData

from app.auth import Caller, ReviewerDep, ServicesDep
from app.fields import is_uuid
from app.pages.feedback.desk import MOST_OFFERED, FeedbackDesk, FeedbackForm
from app.pages.forms import form_of, text_of
from app.pages.views import render
from core.errors import ConflictError, InputError, NotFoundError
from core.loop.feedback import FeedbackDecision
from evals.cases.cases import explain
from serving.factory import Services

router = APIRouter(include_in_schema=False)

PageNumber = Annotated[int, Query(ge=1, le=100_000)]
FormDep = Annotated[FormData, Depends(form_of)]


@router.get("/feedback")
def queue_page(caller: ReviewerDep, services: ServicesDep, page: PageNumber = 1, done: str = "") -> Response:
    """What waits for a decision, and what became of the one just decided."""
    desk = _desk(caller, services)
    shown = desk.waiting(page)
    return render(
        "feedback/feedback.html", caller=caller, desk=shown, tab="waiting", outcome=_outcome(desk, done), problem=None
    )


@router.get("/feedback/decided")
def decided_page(caller: ReviewerDep, services: ServicesDep, page: PageNumber = 1) -> Response:
    """What was decided, by whom and why."""
    shown = _desk(caller, services).decided(page)
    return render("feedback/feedback.html", caller=caller, desk=shown, tab="decided", outcome=None, problem=None)


@router.get("/feedback/{feedback_id}")
def one_page(feedback_id: str, caller: ReviewerDep, services: ServicesDep) -> Response:
    """One piece of feedback, decided or not."""
    _check_id(feedback_id)
    view = _desk(caller, services).view(feedback_id)
    return render("feedback/feedback_one.html", caller=caller, view=view, problem=None)


@router.post("/feedback/{feedback_id}/accept")
def accept(feedback_id: str, caller: ReviewerDep, services: ServicesDep, form: FormDep) -> Response:
    """Make a case or a training pair of it."""
    _check_id(feedback_id)
    entry = _entry(form)
    try:
        _desk(caller, services).accept(feedback_id, entry, caller.actor)
    except ValidationError as error:
        return _refused(caller, services, feedback_id, entry, InputError(f"The passage: {explain(error)}"))
    except InputError as problem:
        return _refused(caller, services, feedback_id, entry, problem)
    return RedirectResponse(f"/feedback?done={feedback_id}", 303)


@router.post("/feedback/{feedback_id}/dismiss")
def dismiss(feedback_id: str, caller: ReviewerDep, services: ServicesDep, form: FormDep) -> Response:
    """Put on record that it is not followed, and why."""
    _check_id(feedback_id)
    entry = _entry(form)
    try:
        _desk(caller, services).dismiss(feedback_id, entry, caller.actor)
    except InputError as problem:
        return _refused(caller, services, feedback_id, entry, problem)
    return RedirectResponse(f"/feedback?done={feedback_id}", 303)


def _refused(
    caller: Caller, services: Services, feedback_id: str, entry: FeedbackForm, problem: InputError
) -> Response:
    """The feedback on a page of its own, as it was filled in, with what is wrong; if somebody else was first, as it was
    decided."""
    if isinstance(problem, NotFoundError):
        raise problem
    said = "" if isinstance(problem, ConflictError) else f"{problem.message} {problem.hint}"
    view = _desk(caller, services).view(feedback_id, entry, said)
    shown = problem if isinstance(problem, ConflictError) else None
    return render("feedback/feedback_one.html", problem.status, caller=caller, view=view, problem=shown)


def _desk(caller: Caller, services: Services) -> FeedbackDesk:
    return FeedbackDesk(services.database, services.settings, caller.scope)


def _outcome(desk: FeedbackDesk, feedback_id: str) -> FeedbackDecision | None:
    """The decision to tell of, if there is one that the caller may see."""
    try:
        return desk.view(feedback_id).decision if is_uuid(feedback_id) else None
    except NotFoundError:
        return None


def _check_id(feedback_id: str) -> None:
    if not is_uuid(feedback_id):
        raise NotFoundError("There is no such feedback.", hint="/feedback lists what there is.")


def _entry(form: FormData) -> FeedbackForm:
    chosen = [key for key in form.getlist("passage")[: MOST_OFFERED + 1] if isinstance(key, str)]
    return FeedbackForm(
        question=text_of(form, "question"),
        correction=text_of(form, "correction"),
        passages=frozenset(chosen),
        uri=text_of(form, "uri"),
        quote=text_of(form, "quote"),
        unanswerable=text_of(form, "unanswerable") == "yes",
        reason=text_of(form, "reason"),
    )
