"""Asking the champion on behalf of a request: counted, and given up when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar, cast

from starlette.requests import ClientDisconnect, Request

from app.monitoring.exposition import Metrics
from core.ports import TextDelta
from core.types import Answer
from serving.answerer import Answerer, Question

T = TypeVar("T")
AnswerEvents = AsyncGenerator[TextDelta | Answer, None]


async def answer_events(answerer: Answerer, question: Question, metrics: Metrics) -> AnswerEvents:
    """What Answerer.stream yields; the finished answer is counted. Closing this closes that."""
    async with aclosing(cast(AnswerEvents, answerer.stream(question))) as events:
        async for event in events:
            if isinstance(event, Answer):
                metrics.answer(event, question.origin, question.api_key_id)
            yield event


async def whole_answer(answerer: Answerer, question: Question, metrics: Metrics) -> Answer:
    """The answer at once, counted."""
    answer = await answerer.ask(question)
    metrics.answer(answer, question.origin, question.api_key_id)
    return answer


async def first_of(events: AnswerEvents) -> TextDelta | Answer:
    """The first event, for which an answer's stream takes the longest."""
    return await anext(events)


async def unless_client_leaves(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, whose request body must have been read. Cancels it and raises ClientDisconnect when the
    client goes away first."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for pending in (task, gone):
            pending.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
