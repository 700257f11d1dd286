"""Any LangChain chat model as a Judge, and the one that the settings name."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import JudgeError
from core.ports import Judgement
from core.settings import Settings
from core.types import digest
from evals.judges.reply import read_reply

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

# Changes when the judge is asked in another way.
PROTOCOL = 1
# A transport error or a busy server is tried this often again, after 0.5, 1, 2 and 4 seconds, give or take a quarter;
# a judge that took too long only once, since that has cost a minute already.
RETRIES = 4
RETRIES_OF_TIMEOUTS = 1
# A server that fails this many questions in a row, each with all its attempts, is down: the rest fail without asking.
GIVE_UP_AFTER = 20
FIRST_DELAY_SECONDS = 0.5
# The longest judgement: a list of statements with a reason for each.
MAX_TOKENS = 4096

_BUSY = frozenset({408, 409, 425, 429})
_REPAIR = "That is not the JSON that was asked for: {reason}. Answer again, with nothing but the JSON object."


@dataclass(frozen=True, slots=True)
class Connection:
    """A chat model that is ready, and how to let go of what it holds open."""

    model: BaseChatModel
    close: Callable[[], Awaitable[None]]


class LangChainJudge:
    """Asks a chat model, at most `concurrency` questions at a time.

    Errors of the network and of a busy server are tried again a few times; an answer that cannot be read is sent back
    once with what is wrong with it. After that the question has failed: nothing is guessed. A server that is down is
    given up, so that a run over it ends soon. `connect` is called when somebody asks, and what it opened closed when
    nobody does any more: nothing is left open at the end of a run.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        name: str,
        *,
        concurrency: int = 8,
        timeout_seconds: float = 60.0,
        first_delay_seconds: float = FIRST_DELAY_SECONDS,
    ) -> None:
        self._connect = connect
        self._concurrency = concurrency
        self._places = asyncio.Semaphore(concurrency)
        self._timeout = timeout_seconds
        self._first_delay = first_delay_seconds
        self._failed_in_a_row = 0
        self._connection: Connection | None = None
        self._asking = 0
        self.name = name
        self.fingerprint = digest([name, PROTOCOL, MAX_TOKENS])

    async def ask(self, prompt: str, form: type[Judgement]) -> Judgement:
        from langchain_core.messages import AIMessage, HumanMessage

        async with self._connected() as model:
            messages: list[BaseMessage] = [HumanMessage(prompt)]
            reply = await self._reply(model, messages)
            try:
                return read_reply(reply, form)
            except JudgeError as error:
                repair = HumanMessage(_REPAIR.format(reason=error.message))
                return read_reply(await self._reply(model, [*messages, AIMessage(reply), repair]), form)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[BaseChatModel]:
        if self._connection is None:
            self._connection = self._connect()
            self._places = asyncio.Semaphore(self._concurrency)  # of the event loop that runs now
        connection = self._connection
        self._asking += 1
        try:
            yield connection.model
        finally:
            self._asking -= 1
            if self._asking == 0:
                self._connection = None
                await connection.close()

    async def _reply(self, model: BaseChatModel, messages: list[BaseMessage]) -> str:
        """The model's text. The place in the queue is given up while waiting for the next attempt."""
        for attempt in range(RETRIES + 1):
            try:
                async with self._places:
                    self._require_alive()
                    async with asyncio.timeout(self._timeout):
                        message = await model.ainvoke(messages)
                self._failed_in_a_row = 0
                return str(message.text)
            except JudgeError:
                raise
            except Exception as error:  # each provider raises its own; all of them become a failed row with the reason
                if attempt >= _retries(error):
                    self._failed_in_a_row += 1
                    raise JudgeError(_reason(error, attempt + 1)) from error
            await asyncio.sleep(self._first_delay * 2**attempt * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
        raise AssertionError("unreachable")  # pragma: no cover - the last attempt returns or raises

    def _require_alive(self) -> None:
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            raise JudgeError(f"the judge was given up after {GIVE_UP_AFTER} failed questions in a row")


def open_judge(settings: Settings) -> LangChainJudge | None:
    """The judge that the settings name; None if they name none. Takes seconds: it imports LangChain."""
    if settings.judge_url is None or settings.judge_model is None:
        return None
    import httpx
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    name, timeout, concurrency = settings.judge_model, settings.judge_timeout_seconds, settings.judge_concurrency

    def connect() -> Connection:
        client = httpx.AsyncClient(limits=httpx.Limits(max_connections=concurrency))
        model = ChatOpenAI(
            model=name,
            base_url=settings.judge_url,
            # Without one of its own, the client would send whatever OPENAI_API_KEY holds to this endpoint.
            api_key=settings.judge_api_key or SecretStr("none"),
            temperature=0,
            max_tokens=MAX_TOKENS,
            max_retries=0,
            timeout=timeout,
            http_async_client=client,
        )
        return Connection(model, client.aclose)

    return LangChainJudge(connect, name, concurrency=concurrency, timeout_seconds=timeout)


def _retries(error: Exception) -> int:
    """How often a question that failed so is asked again: the same one may be answered a little later, or never."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return RETRIES if status in _BUSY or status >= 500 else 0
    if _took_too_long(error):
        return RETRIES_OF_TIMEOUTS
    return RETRIES if isinstance(error, OSError) or type(error).__name__ == "APIConnectionError" else 0


def _took_too_long(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or type(error).__name__ == "APITimeoutError"


def _reason(error: Exception, attempts: int) -> str:
    status = getattr(error, "status_code", None)
    tries = f" ({attempts} attempts)" if attempts > 1 else ""
    if isinstance(status, int):
        return f"the judge's server answered {status}{tries}"
    if _took_too_long(error):
        return f"the judge took too long{tries}"
    return f"the judge could not be reached: {type(error).__name__}: {error}{tries}"
