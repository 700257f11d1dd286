"""Follow-up questions rewritten by the served model, so that they can be searched for without the conversation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from core.errors import RagloopError
from core.release import GeneratorSpec
from core.text.languages import read_as
from core.types import Turn, Usage
from serving.follow_up import StandaloneQuery, depends_on_history
from serving.grounding.content_words import ContentWords
from serving.llm.attempts import ask
from serving.llm.conversation import exchanges
from serving.llm.endpoint import ModelEndpoint
from serving.llm.failures import explain
from serving.llm.generator import ServedModels
from serving.prompts.spotlight import disarmed
from serving.prompts.template import PromptTemplate

logger = logging.getLogger(__name__)

# Nothing is retrieved before it is done, so it must be quick; what stands in for it is no worse than it was.
SECONDS = 3.0
MAX_TOKENS = 80
# What the rewriting is made from, and what it may be.
_TURNS = 6
_TURN_CHARACTERS = 1000
_LONGEST_QUERY = 400


class Condenser:
    """Rewrites questions that lean on the turns before them. Where the model is down, busy, slow or says something that
    is no rewriting, there is none, and what the question's forms find decides: a question never fails for it."""

    def __init__(
        self,
        endpoint: ModelEndpoint,
        spec: GeneratorSpec,
        prompt: PromptTemplate,
        servers: ServedModels | None = None,
        language: str = "english",
    ) -> None:
        self._endpoint = endpoint
        self._spec = spec
        self._prompt = prompt
        self._servers = servers
        self._language = language
        self._words = ContentWords(language)

    async def standalone(self, question: str, history: Sequence[Turn]) -> StandaloneQuery:
        """What to retrieve with, or nothing where no model is needed or none answers."""
        before = [replace(turn, content=turn.content[:_TURN_CHARACTERS]) for turn in exchanges(history)[-_TURNS:]]
        if not before or not depends_on_history(question) or self._endpoint.breaker.is_open:
            return StandaloneQuery()
        try:
            async with asyncio.timeout(SECONDS), self._endpoint.places().one(patient=False):
                written, usage = await self._ask(question, before)
        except (TimeoutError, RagloopError) as error:
            logger.debug("a follow-up was not rewritten: %s", error)
            return StandaloneQuery()
        text = _line(written)
        return StandaloneQuery(text if self._is_sane(text, question, before) else None, usage)

    async def _ask(self, question: str, before: Sequence[Turn]) -> tuple[str, Usage | None]:
        if self._servers is not None:
            await self._servers.ensure(self._spec)
        messages = self._prompt.messages(history=before, question=disarmed(question))
        turns = [(turn.role, turn.content) for turn in messages]
        model = self._endpoint.chat_model(self._spec)
        try:
            asked = await ask(lambda: model.astream(turns, max_tokens=MAX_TOKENS))
            pieces = [asked.first]
            try:
                while pieces[-1]:
                    pieces.append(await asked.reading.next())
            finally:
                await asked.reading.close()
        except Exception as error:  # each provider raises its own; all of them are told as ours
            raise explain(error, self._spec.served_model or "") from error
        return "".join(pieces), asked.reading.usage

    def _is_sane(self, text: str, question: str, before: Sequence[Turn]) -> bool:
        """A rewriting says what the question says, with words of the conversation and no others."""
        if not text or "\n" in text or len(text) > _LONGEST_QUERY:
            return False
        conversation = "\n".join([question, *(turn.content for turn in before)])
        language = read_as(conversation, self._language)
        said = self._words.keys(text, language)
        known = self._words.keys(conversation, language)
        return bool(said) and self._words.keys(question, language) <= said <= known


def _line(written: str) -> str:
    """The rewriting without what models like to put around it."""
    return written.strip().removeprefix("Question:").strip().strip('"').strip()
