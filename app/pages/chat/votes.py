"""Voting on an answer with a plain form: the page's way without scripts. With them it is POST /v1/feedback."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from app.answers.votes import author_of
from app.auth import ChatDep, ServicesDep
from app.errors import ParameterError
from app.fields import is_uuid
from app.pages.chat.page import MOST_TURNS
from app.pages.forms import form_of, text_of
from core.loop.enums import FeedbackReason, Vote
from core.loop.feedback import CitationVote
from loop.feedback.votes import FeedbackOrder, FeedbackService

router = APIRouter(include_in_schema=False)

_CITATION = re.compile(r"citation-([0-9]{1,6})")
Choice = TypeVar("Choice", bound=StrEnum)


@router.post("/answers/{interaction_id}/vote")
def vote(
    interaction_id: str, caller: ChatDep, services: ServicesDep, form: Annotated[FormData, Depends(form_of)]
) -> Response:
    """Store the vote and show the conversation again."""
    FeedbackService(services.database).give(author_of(caller), order_of(interaction_id, form))
    shown = [turn for turn in form.getlist("shown") if isinstance(turn, str) and is_uuid(turn)][-MOST_TURNS:]
    address = urlencode([("turn", turn) for turn in shown or [interaction_id]])
    return RedirectResponse(f"/?{address}#vote-{interaction_id}", 303)


def order_of(interaction_id: str, form: FormData) -> FeedbackOrder:
    """The vote that the form says. What it holds about what is wrong is left out of a vote up."""
    given = _choice(Vote, form, "vote")
    if given is None:
        raise ParameterError("The field vote is missing.", param="vote", hint="Go back and vote.")
    down = given is Vote.DOWN
    return FeedbackOrder(
        interaction_id=interaction_id,
        vote=given,
        reason=_choice(FeedbackReason, form, "reason") if down else None,
        comment=text_of(form, "comment"),
        correction=text_of(form, "correction") if down else "",
        citations=[
            CitationVote(int(match[1]), on_it)
            for name in form
            if (match := _CITATION.fullmatch(name)) and (on_it := _choice(Vote, form, name))
        ],
    )


def _choice(kind: type[Choice], form: FormData, name: str) -> Choice | None:
    text = text_of(form, name)
    try:
        return kind(text) if text else None
    except ValueError as error:
        raise ParameterError(f"The field {name} is not valid.", param=name, hint="Go back and vote again.") from error
