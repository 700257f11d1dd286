"""POST /v1/feedback: a vote on an answer, on disk before it is acknowledged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.answers.votes import author_of
from app.auth import ChatDep, ServicesDep
from app.fields import Text
from core.loop.enums import FeedbackReason, Vote
from core.loop.feedback import CitationVote
from core.storage.loop.feedback import vote_json
from loop.feedback.votes import MOST_CITATION_VOTES, FeedbackOrder, FeedbackService

router = APIRouter()

IdempotencyKey = Annotated[str | None, Header(description="1 to 200 visible characters; one for each vote.")]


class CitationVoteRequest(BaseModel):
    """A vote on the citation with this marker."""

    model_config = ConfigDict(extra="forbid")

    marker: int = Field(ge=1, le=1_000_000)
    vote: Vote


class FeedbackRequest(BaseModel):
    """A vote. `synthetic` says that a program tries the system out: the vote is kept and never counts."""

    model_config = ConfigDict(extra="forbid")

    interaction_id: Annotated[Text, Field(max_length=36)]
    vote: Vote
    reason: FeedbackReason | None = None
    comment: Text = ""
    correction: Text = ""
    citations: list[CitationVoteRequest] = Field(default_factory=list, max_length=MOST_CITATION_VOTES)
    synthetic: bool = False


@router.post("/v1/feedback", status_code=201)
def give_feedback(
    caller: ChatDep,
    services: ServicesDep,
    body: FeedbackRequest,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Vote on an answer to one's own question. 201 when the vote is stored, 200 when it had been."""
    order = FeedbackOrder(
        interaction_id=body.interaction_id,
        vote=body.vote,
        reason=body.reason,
        comment=body.comment,
        correction=body.correction,
        citations=[CitationVote(each.marker, each.vote) for each in body.citations],
        idempotency_key=idempotency_key,
        synthetic=body.synthetic,
    )
    given = FeedbackService(services.database).give(author_of(caller), order)
    return JSONResponse(vote_json(given.feedback) | {"replayed": given.replayed}, 200 if given.replayed else 201)
