"""POST /v1/chat/completions, as OpenAI clients speak it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from app.answers.inquiry import (
    AnswerEvents,
    answer_events,
    first_of,
    unless_client_leaves,
    whole_answer,
)
from app.api.chat_reply import DONE, Completion, event
from app.api.chat_request import ChatRequest
from app.auth import Caller, ChatDep, RuntimeDep
from app.errors import envelope, unexpected
from app.fields import filter_of
from app.monitoring.exposition import Metrics
from core.errors import RagloopError
from core.permissions import Deed, may
from core.ports import TextDelta
from core.types import Answer
from serving.answerer import Question

router = APIRouter()
logger = logging.getLogger(__name__)

# Proxies must pass a stream on as it comes.
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post("/v1/chat/completions")
async def chat_completions(caller: ChatDep, request: Request, runtime: RuntimeDep, body: ChatRequest) -> Response:
    """Answer the last message from the documents."""
    question = _question(body, caller, runtime.settings.max_question_chars)
    answerer = await runtime.answerer()
    scope = await asyncio.to_thread(answerer.retriever.narrowed, caller.scope, filter_of(body.filter))
    question = replace(question, scope=scope)
    metrics: Metrics = request.app.state.metrics
    completion = Completion(footer=body.citations_footer, cost=may(caller.actor, Deed.SEE_COSTS))
    if not body.stream:
        answer = await unless_client_leaves(request, whole_answer(answerer, question, metrics))
        return JSONResponse(completion.whole(answer))
    events = answer_events(answerer, question, metrics)
    # The first event is awaited before the response begins: what fails until then fails with its proper status.
    first = await unless_client_leaves(request, first_of(events))
    stream = _stream(completion, first, events, request.state.request_id, body.wants_usage)
    return StreamingResponse(stream, media_type="text/event-stream", headers=_STREAM_HEADERS)


def _question(body: ChatRequest, caller: Caller, longest: int) -> Question:
    question, history = body.turns(longest)
    return Question(
        text=question.content,
        scope=caller.scope,
        origin=caller.origin,
        history=history,
        api_key_id=caller.key_id,
        max_tokens=body.token_limit,
    )


async def _stream(
    completion: Completion, first: TextDelta | Answer, events: AnswerEvents, request_id: str, with_usage: bool
) -> AsyncIterator[str]:
    """The completion as server-sent events. An error on the way is the last event, without [DONE] after it."""
    async with aclosing(events):
        try:
            yield event(completion.delta({"role": "assistant", "content": ""}, with_usage=with_usage))
            for chunk in _chunks(completion, first, with_usage):
                yield event(chunk)
            async for item in events:
                for chunk in _chunks(completion, item, with_usage):
                    yield event(chunk)
            yield DONE
        except RagloopError as error:
            logger.warning("request %s broke off: %s", request_id, error.message)
            yield event(envelope(error))
        except Exception:
            logger.exception("request %s failed while streaming", request_id)
            yield event(envelope(unexpected(request_id)))


def _chunks(completion: Completion, item: TextDelta | Answer, with_usage: bool) -> list[dict[str, Any]]:
    if isinstance(item, TextDelta):
        return [completion.delta({"content": item.text}, with_usage=with_usage)]
    return completion.ending(item, with_usage=with_usage)
