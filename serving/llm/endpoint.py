"""The model endpoint of one process: what all releases that ask it share.

The breaker is the process's. Connections, and the places that limit how many answers are written at once, belong to an
event loop: the server has one, and each evaluation brings its own. They are opened with the loop's first question and
closed when the loop ends.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import ModelUnavailableError, SettingsError
from core.release import GeneratorSpec
from core.settings import Settings
from serving.llm.breaker import Breaker
from serving.llm.client import open_chat_model
from serving.llm.connection import open_chat_http, open_http
from serving.llm.failures import ContextOverflowError, counts_as_outage
from serving.llm.places import Places
from serving.llm.tokens import ASK_AGAIN_SECONDS, EstimatedTokens, FileTokens, PromptCounter, ServerTokens

if TYPE_CHECKING:
    import httpx
    import httpx2
    from langchain_core.language_models import BaseChatModel

# The window of a model that nobody tells us: smaller ones are rare by now.
CAUTIOUS_WINDOW = 4096
_LOOK_SECONDS = 2.0

# What closes connections when their loop ends. An event loop itself does not keep its tasks from being collected.
_closing: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True)
class Load:
    """How busy an endpoint is: answers being written, questions that wait, and whether it is taken to be down."""

    writing: int
    waiting: int
    down: bool


@dataclass(slots=True)
class _Here:
    """What belongs to one event loop."""

    http: httpx.AsyncClient
    chat_http: httpx2.AsyncClient
    places: Places
    models: dict[str, BaseChatModel] = field(default_factory=dict)
    counters: dict[str, PromptCounter] = field(default_factory=dict)


class ModelEndpoint:
    """The endpoint that the settings name; with `chat_model`, any LangChain chat model in its stead, for every
    release. Safe to share between threads."""

    def __init__(self, settings: Settings, chat_model: BaseChatModel | None = None) -> None:
        if settings.model_url is None and chat_model is None:
            raise SettingsError(
                "A release that answers with a model needs a model server.",
                hint="Set RAGLOOP_MODEL_URL to its base URL, such as the one that `make vllm` prints.",
            )
        self.settings = settings
        self.breaker = Breaker()
        self._given = chat_model
        self._file = FileTokens(settings.model_tokenizer) if settings.model_tokenizer else None
        self._windows: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._lock = threading.Lock()
        self._by_loop: dict[asyncio.AbstractEventLoop, _Here] = {}

    def warm_up(self) -> None:
        """Import what asking a model needs."""
        if self._given is None:
            import langchain_openai  # noqa: F401

    @property
    def load(self) -> Load:
        """What it does now, for all event loops together."""
        with self._lock:
            places = [here.places for here in self._by_loop.values()]
        return Load(sum(each.writing for each in places), sum(each.waiting for each in places), self.breaker.is_open)

    def places(self) -> Places:
        """Of the running event loop."""
        return self._here().places

    def chat_model(self, spec: GeneratorSpec) -> BaseChatModel:
        """The release's model, for the running event loop."""
        if self._given is not None:
            return self._given
        here, key = self._here(), spec.model_dump_json()
        if key not in here.models:
            here.models[key] = open_chat_model(self.settings, spec, here.chat_http)
        return here.models[key]

    def says_when_done(self) -> bool:
        """Whether every answer ends with a finish reason, so that one without it was cut off on the way."""
        return self._given is None

    def counter(self, spec: GeneratorSpec) -> PromptCounter:
        """What counts the release's prompts."""
        if self._file is not None:
            return self._file
        url, model = self.settings.model_url, spec.served_model
        if url is None or model is None or not self._may_be_vllm():
            return EstimatedTokens()
        here = self._here()
        if model not in here.counters:
            here.counters[model] = ServerTokens(here.http, url, model)
        return here.counters[model]

    async def window(self, spec: GeneratorSpec) -> int:
        """The tokens that prompt and answer may have together."""
        if self.settings.model_context_tokens is not None:
            return self.settings.model_context_tokens
        base = spec.base_model or ""
        if base not in self._windows and self._may_be_vllm() and time.monotonic() >= self._not_before.get(base, 0.0):
            await self._ask_window(base)
        return self._windows.get(base, CAUTIOUS_WINDOW)

    def note(self, error: ModelUnavailableError) -> ModelUnavailableError:
        """Learn from what went wrong; returns it."""
        if counts_as_outage(error):
            self.breaker.failed()
        if isinstance(error, ContextOverflowError):
            self._windows.clear()  # the server counts otherwise than was thought
        return error

    def _may_be_vllm(self) -> bool:
        """Whether it is of use to ask the server what only vLLM tells."""
        return self._given is None and self.settings.model_provider == "openai"

    async def _ask_window(self, base: str) -> None:
        """Learn what vLLM says about itself. A server that answers without saying it is not asked before each
        question."""
        import httpx

        try:
            response = await self._here().http.get(f"{self.settings.model_url}/models", timeout=_LOOK_SECONDS)
        except httpx.HTTPError:
            return
        if response.is_server_error:
            return
        try:
            window = {model["id"]: model.get("max_model_len") for model in response.json()["data"]}.get(base)
        except (ValueError, KeyError, TypeError, AttributeError):
            window = None
        if isinstance(window, int) and window > 0:
            self._windows[base] = window
        else:
            self._not_before[base] = time.monotonic() + ASK_AGAIN_SECONDS

    def _here(self) -> _Here:
        loop = asyncio.get_running_loop()
        here = self._by_loop.get(loop)
        if here is None:
            here = self._opened()
            closing = loop.create_task(self._close_at_the_end(loop, here), name="model endpoint")
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)
            with self._lock:
                self._by_loop[loop] = here
        return here

    def _opened(self) -> _Here:
        settings = self.settings
        # Azure's chat model sends the key in a header of Azure's own, and Azure refuses who sends both.
        key = settings.model_api_key if settings.model_provider == "openai" else None
        patience = max(settings.model_first_token_seconds, settings.model_idle_seconds)
        return _Here(open_http(key), open_chat_http(patience), Places(settings.model_concurrency))

    async def _close_at_the_end(self, loop: asyncio.AbstractEventLoop, here: _Here) -> None:
        """Wait until the loop ends, which cancels what it still runs, and close the connections."""
        try:
            await loop.create_future()
        finally:
            with self._lock:
                del self._by_loop[loop]
            await here.http.aclose()
            await here.chat_http.aclose()
