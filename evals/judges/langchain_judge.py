"""Any LangChain chat model as a Judge, and the one that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import JudgeError
from core.ports import Judgement
from core.settings import Settings
from core.types import digest
from evals.judges.reply import read_reply
from serving.llm.attempts import attempts
from serving.llm.connection import chat_client, open_http
from serving.llm.failures import passes, status_of, took_too_long

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

# Changes when the judge is asked in another way.
PROTOCOL = 1
# A transport error or a busy server is tried this often again, after 0.5, 1, 2 and 4 seconds and up to a quarter of one
# more; a judge that took too long only once, since that has cost a minute already.
RETRIES = 4
RETRIES_OF_TIMEOUTS = 1
# A server that fails this many questions in a row, each with all its attempts, is down: the rest fail without asking.
GIVE_UP_AFTER = 20
FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 4.0
# The longest judgement: a list of statements with a reason for each.
MAX_TOKENS = 4096

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
        retrying = attempts(
            lambda error: _retries(error) + 1,
            first_pause=self._first_delay,
            longest_pause=_LONGEST_DELAY_SECONDS,
            jitter=self._first_delay / 2,
        )
        try:
            text: str = await retrying(self._reply_once, model, messages)
        except JudgeError:
            raise
        except Exception as error:  # each provider raises its own; all of them become a failed row with the reason
            self._failed_in_a_row += 1
            raise JudgeError(_reason(error, retrying.statistics["attempt_number"])) from error
        self._failed_in_a_row = 0
        return text

    async def _reply_once(self, model: BaseChatModel, messages: list[BaseMessage]) -> str:
        async with self._places:
            self._require_alive()
            async with asyncio.timeout(self._timeout):
                message = await model.ainvoke(messages)
        return str(message.text)

    def _require_alive(self) -> None:
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            raise JudgeError(f"the judge was given up after {GIVE_UP_AFTER} failed questions in a row")


def open_judge(settings: Settings) -> LangChainJudge | None:
    """The judge that the settings name; None if they name none. Takes seconds: it imports LangChain."""
    if settings.judge_url is None or settings.judge_model is None:
        return None
    name, timeout, concurrency = settings.judge_model, settings.judge_timeout_seconds, settings.judge_concurrency

    def connect() -> Connection:
        key = settings.judge_api_key
        http = open_http(key, connections=concurrency)
        model = chat_client(settings.judge_url, name, key, http, temperature=0, max_tokens=MAX_TOKENS, timeout=timeout)
        return Connection(model, http.aclose)

    return LangChainJudge(connect, name, concurrency=concurrency, timeout_seconds=timeout)


def _retries(error: BaseException) -> int:
    """How often a question that failed so is asked again: the same one may be answered a little later, or never."""
    if status_of(error) is None and took_too_long(error):
        return RETRIES_OF_TIMEOUTS
    return RETRIES if passes(error) else 0


def _reason(error: Exception, tried: int) -> str:
    status = status_of(error)
    tries = f" ({tried} attempts)" if tried > 1 else ""
    if status is not None:
        return f"the judge's server answered {status}{tries}"
    if took_too_long(error):
        return f"the judge took too long{tries}"
    return f"the judge could not be reached: {type(error).__name__}: {error}{tries}"
