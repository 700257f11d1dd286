"""POST /v1/search: passages without an answer."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.answers.search_json import search_json
from app.auth import ChatDep, RuntimeDep
from app.errors import check_length
from app.fields import FilterFields, Text, filter_of

router = APIRouter()


class SearchRequest(BaseModel):
    """`top_k` defaults to the release's own. `filter` has one value or several for each field it names; `explain`
    adds how the passages came about."""

    model_config = ConfigDict(extra="forbid")

    query: Text = Field(min_length=1, pattern=r"\S")
    top_k: int | None = Field(None, ge=1, le=100)
    filter: FilterFields = Field(default_factory=dict)
    explain: bool = False


@router.post("/v1/search")
async def search(caller: ChatDep, request: Request, runtime: RuntimeDep, body: SearchRequest) -> Response:
    """The passages that the release finds for the query, best first."""
    check_length(body.query, runtime.settings.max_question_chars)
    answerer = await runtime.answerer()
    started = time.perf_counter()
    scope = await asyncio.to_thread(answerer.retriever.narrowed, caller.scope, filter_of(body.filter))
    retrieval = await asyncio.to_thread(answerer.retriever.retrieve, body.query, scope, body.top_k)
    request.app.state.metrics.retrieval(retrieval, time.perf_counter() - started)
    return JSONResponse(search_json(retrieval, answerer.release, scope.narrowed, explain=body.explain))
