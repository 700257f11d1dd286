"""Counting the tokens of a prompt before it is sent: by the model's own tokenizer wherever it can be had.

| tokenizer | where from | exact |
|---|---|---|
| a file | RAGLOOP_MODEL_TOKENIZER, a folder with tokenizer.json | but for the chat template, allowed for generously |
| the server | vLLM's POST /tokenize | yes, with the chat template |
| none | two bytes a token | cautious: English takes four |
"""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.errors import SettingsError
from core.types import Turn

if TYPE_CHECKING:
    import httpx
    from tokenizers import Tokenizer

# What a chat template puts around a message, and around the whole: the templates of today take three to seven tokens a
# message and up to forty for a preamble.
TOKENS_AROUND_MESSAGE = 8
TOKENS_AROUND_PROMPT = 40
_BYTES_A_TOKEN = 2
# A server that does not count, or does not say how large its window is, is asked again after so long: it may be
# another one by then.
ASK_AGAIN_SECONDS = 60.0
_SERVER_SECONDS = 2.0
# Longer texts are tokenized in a thread.
_LONG = 50_000


class PromptCounter(Protocol):
    """Counts a prompt's tokens, chat template included; rather too many than too few."""

    async def count(self, messages: Sequence[Turn]) -> int: ...


def at_most(messages: Sequence[Turn]) -> int:
    """More tokens than this the messages cannot have: a token stands for at least one byte, of the text or of what a
    tokenizer's Unicode normalisation makes of it."""
    return _around(messages) + sum(_bytes(message.content) for message in messages)


class EstimatedTokens:
    """For servers that do not count and models whose tokenizer is not at hand."""

    async def count(self, messages: Sequence[Turn]) -> int:
        return _around(messages) + sum(_bytes(message.content) // _BYTES_A_TOKEN + 1 for message in messages)


class FileTokens:
    """By a tokenizer.json of the `tokenizers` library. Raises SettingsError if it cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = _load(folder / "tokenizer.json")

    async def count(self, messages: Sequence[Turn]) -> int:
        if sum(len(message.content) for message in messages) > _LONG:
            return await asyncio.to_thread(self._count, messages)
        return self._count(messages)

    def _count(self, messages: Sequence[Turn]) -> int:
        encoded = (self._tokenizer.encode(message.content, add_special_tokens=False) for message in messages)
        return _around(messages) + sum(len(each) for each in encoded)


class ServerTokens:
    """By vLLM's /tokenize, for the model named `model`; estimated where the server does not count."""

    def __init__(self, client: httpx.AsyncClient, url: str, model: str) -> None:
        self._client = client
        self._url = f"{url.removesuffix('/v1')}/tokenize"
        self._model = model
        self._estimate = EstimatedTokens()
        self._not_before = 0.0

    async def count(self, messages: Sequence[Turn]) -> int:
        counted = None
        if time.monotonic() >= self._not_before:
            counted = await self._ask(messages)
        return await self._estimate.count(messages) if counted is None else counted

    async def _ask(self, messages: Sequence[Turn]) -> int | None:
        import httpx

        turns = [{"role": message.role, "content": message.content} for message in messages]
        body = {"model": self._model, "messages": turns, "add_generation_prompt": True}
        try:
            response = await self._client.post(self._url, json=body, timeout=_SERVER_SECONDS)
            counted = response.json()["count"] if response.is_success else None
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            counted = None
        if isinstance(counted, int) and counted > 0:
            return counted
        self._not_before = time.monotonic() + ASK_AGAIN_SECONDS
        return None


def _around(messages: Sequence[Turn]) -> int:
    return TOKENS_AROUND_PROMPT + TOKENS_AROUND_MESSAGE * len(messages)


def _bytes(text: str) -> int:
    normal = text if text.isascii() else unicodedata.normalize("NFKD", text)
    return max(len(text.encode(errors="replace")), len(normal.encode(errors="replace")))


def _load(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exceptions
        raise SettingsError(
            f"The tokenizer {path} cannot be read: {error}.",
            hint="RAGLOOP_MODEL_TOKENIZER is the folder of the model that is served, with its tokenizer.json.",
        ) from error
