"""What answers when the release's model does not: the extractive generator, marked as such."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from core.errors import AdapterError, ModelUnavailableError, RagloopError
from core.ports import Generated, GenerationRequest, Generator, TextDelta
from core.text.markdown_lines import open_fence
from core.types import Usage
from serving.llm.failures import BrokenOffError, SparedError
from serving.wording.catalogue import wording
from serving.wording.wording import Wording

logger = logging.getLogger(__name__)

_Events = AsyncGenerator[TextDelta | Generated, None]


class FallbackGenerator:
    """Answers with `model`; where that is not available, with `extractive` from there on, marked degraded.

    That too many answers are being written, and that a question is too long, is told to whoever asked: another answer
    would not be better. Why the model was not available is logged, each reason once, until it answers again: a server
    may come back with another fault than the one that took it down.
    """

    name = "fallback"

    def __init__(self, model: Generator, extractive: Generator) -> None:
        self._model = model
        self._extractive = extractive
        self._reasons: set[str] = set()  # by what helps against them: messages differ in detail

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        """The model's answer, or the extractive one, or the first part of the one and then the other."""
        written: list[str] = []
        try:
            async with aclosing(cast(_Events, self._model.stream(request))) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        written.append(event.text)
                    yield event
            self._note_answer()
            return
        except (ModelUnavailableError, AdapterError) as error:
            self._note_failure(error)
            so_far = error.so_far if isinstance(error, BrokenOffError) else None
        if so_far is not None:
            yield TextDelta(_end_of_code("".join(written)) + broke_off(wording(request.language)))
            request = replace(request, first_marker=request.first_marker + len(so_far.citations))
        async with aclosing(cast(_Events, self._extractive.stream(request))) as events:
            async for event in events:
                yield event if isinstance(event, TextDelta) else _degraded(event, so_far)

    def _note_failure(self, error: RagloopError) -> None:
        if isinstance(error, SparedError) or error.hint in self._reasons:
            return
        self._reasons.add(error.hint)
        logger.warning("the model does not answer, so answers are extractive: %s %s", error.message, error.hint)

    def _note_answer(self) -> None:
        if self._reasons:
            logger.info("the model answers again")
            self._reasons.clear()


def broke_off(words: Wording) -> str:
    """The paragraph between what the model wrote and what is quoted."""
    return f"\n\n{words.broke_off}\n\n"


def _end_of_code(text: str) -> str:
    """What ends the block of code in which the text ends; nothing if it ends in none."""
    fence = open_fence(text)
    return f"\n{fence}" if fence else ""


def _degraded(extractive: Generated, so_far: Generated | None) -> Generated:
    """The extractive answer's end, with what the model's part cites and used."""
    if so_far is None:
        return replace(extractive, degraded=True)
    before, after = so_far.usage, extractive.usage
    return replace(
        extractive,
        citations=(*so_far.citations, *extractive.citations),
        usage=Usage(before.prompt_tokens, before.completion_tokens + after.completion_tokens),
        degraded=True,
        model=so_far.model,
        model_usage=so_far.model_usage,
    )
