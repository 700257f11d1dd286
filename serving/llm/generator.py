"""The generator that lets a served model write the answer, out of the passages and with their markers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from core.errors import ModelUnavailableError
from core.ports import Generated, GenerationRequest, TextDelta
from core.release import GeneratorSpec
from core.types import ModelUse, Passage, Turn, Usage
from serving.filters.chain import FilterChain
from serving.filters.cited_text import CitedText
from serving.filters.prompt_guard import PromptGuard
from serving.llm.attempts import BegunAnswer, ask
from serving.llm.context import Context, fitting
from serving.llm.conversation import exchanges, prompt_messages
from serving.llm.endpoint import ModelEndpoint
from serving.llm.failures import BrokenOffError, UnknownModelError, cut_short, explain, known_to_be_down
from serving.llm.tokens import at_most
from serving.prompts.template import PromptTemplate
from serving.refusal import NOT_FOUND

# How providers say that the limit on tokens ended the answer.
_CUT = frozenset({"length", "max_tokens"})


class ServedModels(Protocol):
    """Whoever sees to it that the model servers have a release's model: serving.adapters.servers.ModelServers."""

    async def ensure(self, spec: GeneratorSpec) -> None: ...

    def forget(self, spec: GeneratorSpec) -> None: ...


@dataclass(frozen=True, slots=True)
class _Begun:
    """An answer whose first text is there, and what it was asked with."""

    asked: BegunAnswer
    asked_at: float
    messages: Sequence[Turn]
    passages: Sequence[Passage]


class LLMGenerator:
    """Answers with the release's model, which `servers` have seen to.

    Raises ModelUnavailableError before the first text, and BrokenOffError, which is one, after it; BusyError when too
    many answers are being written; ContextTooLongError when the question leaves no room for a passage.
    """

    name = "llm"

    def __init__(
        self,
        endpoint: ModelEndpoint,
        spec: GeneratorSpec,
        prompt: PromptTemplate,
        servers: ServedModels | None = None,
        language: str = "english",
        *,
        guarded: bool = False,
    ) -> None:
        """`guarded` keeps the model from reciting its instruction."""
        self._endpoint = endpoint
        self._spec = spec
        self._prompt = prompt
        self._servers = servers
        self._language = language
        self._guarded = guarded

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        """The model's text, its markers made into citations, then Generated."""
        breaker = self._endpoint.breaker
        if breaker.refuses():
            raise known_to_be_down()
        self._endpoint.chat_model(self._spec)  # the first takes seconds of imports, which must not count as the model's
        async with self._endpoint.places().one() as queued:
            if not breaker.admit():
                raise known_to_be_down()
            begun = await self._begin(request)
            try:
                async with aclosing(self._write(request, begun, queued)) as events:
                    async for event in events:
                        yield event
            finally:
                await begun.asked.reading.close()

    async def _begin(self, request: GenerationRequest) -> _Begun:
        """Ask, until there is text. Once more if the server does not know the model: it may have lost an adapter."""
        try:
            async with asyncio.timeout(self._endpoint.settings.model_first_token_seconds):
                try:
                    begun = await self._ask(request)
                except UnknownModelError:
                    if self._servers is None:
                        raise
                    self._servers.forget(self._spec)
                    begun = await self._ask(request)
        except (TimeoutError, ModelUnavailableError) as error:
            raise self._endpoint.note(explain(error, self._name)) from error
        self._endpoint.breaker.heard()
        return begun

    async def _ask(self, request: GenerationRequest) -> _Begun:
        if self._servers is not None:
            await self._servers.ensure(self._spec)
        context, limit = await self._fit(request)
        messages = self._messages(request, context)
        turns = [(turn.role, turn.content) for turn in messages]
        model = self._endpoint.chat_model(self._spec)
        asked_at = time.perf_counter()
        try:
            asked = await ask(lambda: model.astream(turns, max_tokens=limit))
        except Exception as error:  # each provider raises its own; all of them are told as ours
            raise explain(error, self._name) from error
        return _Begun(asked, asked_at, messages, context.passages)

    async def _fit(self, request: GenerationRequest) -> tuple[Context, int]:
        """What goes into the prompt, and the tokens that the answer may have."""
        window = await self._endpoint.window(self._spec)
        limit = min(self._limit(request), window // 2)
        counter = self._endpoint.counter(self._spec)

        async def count(context: Context) -> int:
            messages = self._messages(request, context)
            most = at_most(messages)
            return most if most <= window - limit else await counter.count(messages)

        history = exchanges(request.history)
        return await fitting(request.passages, history, count, window - limit, self._language), limit

    def _limit(self, request: GenerationRequest) -> int:
        limits = (request.max_tokens, self._spec.sampling.get("max_tokens"), self._endpoint.settings.model_max_tokens)
        return int(min(limit for limit in limits if limit is not None))

    def _messages(self, request: GenerationRequest, context: Context) -> list[Turn]:
        return prompt_messages(self._prompt, request.question, context.passages, context.history, self._language)

    async def _write(
        self, request: GenerationRequest, begun: _Begun, queued: float
    ) -> AsyncGenerator[TextDelta | Generated, None]:
        cited = CitedText(begun.passages, self._language, request.first_marker)
        filters = FilterChain(cited, *self._guards())
        reading, text, written = begun.asked.reading, begun.asked.first, ""
        failure: ModelUnavailableError | None = None
        while text:
            written += text
            if shown := filters.feed(text):
                yield TextDelta(shown)
            try:
                text = await reading.next(self._endpoint.settings.model_idle_seconds)
            except Exception as error:  # noqa: BLE001 - as above; it is raised below
                text, failure = "", explain(error, self._name)
        if rest := filters.finish():
            yield TextDelta(rest)
        if failure is None and reading.finish_reason is None and self._endpoint.says_when_done():
            failure = cut_short()
        usage = reading.usage or await self._estimate(begun.messages, written)
        reason = "length" if reading.finish_reason in _CUT else "stop"
        used = _use(self._name, begun, queued, usage)
        generated = Generated(cited.citations, usage, reason, model=used, model_usage=usage)
        if failure is not None:
            raise BrokenOffError(self._endpoint.note(failure), generated) from failure
        self._endpoint.breaker.succeeded()
        yield generated

    def _guards(self) -> list[PromptGuard]:
        return [PromptGuard(self._prompt.system, NOT_FOUND)] if self._guarded else []

    async def _estimate(self, messages: Sequence[Turn], written: str) -> Usage:
        """For a server that does not say what it counted."""
        counter = self._endpoint.counter(self._spec)
        nothing = await counter.count([Turn("assistant", "")])
        completion = await counter.count([Turn("assistant", written)]) - nothing
        return Usage(await counter.count(messages), max(1, completion))

    @property
    def _name(self) -> str:
        return self._spec.served_model or ""


def _use(name: str, begun: _Begun, queued: float, usage: Usage) -> ModelUse:
    reading = begun.asked.reading
    first, last = reading.first_text or begun.asked_at, reading.last_text or begun.asked_at
    writing = last - first
    return ModelUse(
        model=name,
        queue_seconds=round(queued, 6),
        first_token_seconds=round(first - begun.asked_at, 6),
        generate_seconds=round(writing, 6),
        tokens_per_second=round((usage.completion_tokens - 1) / writing, 3) if writing > 0 else 0.0,
        passages=len(begun.passages),
        attempts=begun.asked.attempts,
    )
