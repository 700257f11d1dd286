"""/reviews/cases: drafts of evaluation cases, to be edited, accepted or discarded. Plain forms, no script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from app.auth import ReviewerDep, ServicesDep
from app.fields import Text, is_uuid
from app.pages.forms import form_of, text_of
from app.pages.reviews.draft_desk import PAGE_LENGTH, Choice, DraftDesk, DraftForm
from app.pages.views import render
from core.errors import InputError
from core.storage.evals.case_drafts import Decided

router = APIRouter(include_in_schema=False)

_CHOICES = frozenset({"later", "accept", "discard"})

Count = Annotated[int, Query(ge=0, le=10**6)]
Name = Annotated[Text, Query(max_length=100)]


@router.get("/reviews/cases")
def cases_page(
    caller: ReviewerDep,
    services: ServicesDep,
    dataset: Name = "",
    version: Count = 0,
    accepted: Count = 0,
    discarded: Count = 0,
    missed: Annotated[str, Query(max_length=37 * PAGE_LENGTH)] = "",
) -> Response:
    """The drafts that wait, and what became of the ones just decided."""
    desk = DraftDesk(services.database, caller.scope)
    outcome = {
        "version": version,
        "accepted": accepted,
        "discarded": discarded,
        "missed": desk.questions([key for key in missed.split(",") if is_uuid(key)]),
    }
    return render("reviews/case_drafts.html", caller=caller, desk=desk.open(dataset), outcome=outcome, problem=None)


@router.post("/reviews/cases")
def decide(caller: ReviewerDep, services: ServicesDep, form: Annotated[FormData, Depends(form_of)]) -> Response:
    """Decide on the drafts of one page: those accepted make one new version of their dataset."""
    desk = DraftDesk(services.database, caller.scope)
    dataset = text_of(form, "dataset")
    entries = _entries(form)
    problem: InputError | None = None
    problems: Mapping[str, str] = {}
    try:
        submitted = desk.submit(dataset, entries, caller.actor)
        if submitted.decided is not None:
            return RedirectResponse(_address(dataset, submitted.decided), 303)
        problems = submitted.problems
    except InputError as refused:
        problem = refused
    shown = desk.open(dataset, entries, problems)
    return render("reviews/case_drafts.html", 400, caller=caller, desk=shown, outcome=None, problem=problem)


def _address(dataset: str, decided: Decided) -> str:
    """The page that says what became of the drafts."""
    said = {
        "dataset": dataset,
        "version": decided.version.version if decided.version else 0,
        "accepted": len(decided.accepted),
        "discarded": len(decided.discarded),
        "missed": ",".join(decided.missed),
    }
    return "/reviews/cases?" + urlencode({name: value for name, value in said.items() if value})


def _entries(form: FormData) -> dict[str, DraftForm]:
    """What the form says about each draft that it lists, at most a page of them."""
    listed = [key for key in form.getlist("draft") if isinstance(key, str) and is_uuid(key)]
    return {key: _entry(form, key) for key in dict.fromkeys(listed[:PAGE_LENGTH])}


def _entry(form: FormData, key: str) -> DraftForm:
    choice = text_of(form, f"choice-{key}")
    return DraftForm(
        cast(Choice, choice if choice in _CHOICES else "later"),
        question=text_of(form, f"question-{key}"),
        answer=text_of(form, f"answer-{key}"),
        tags=text_of(form, f"tags-{key}"),
    )
