"""Reading what a chat model streams, in a task of its own.

A task can be cancelled wherever it waits, which ends the request at the server at once; and what arrives while the
reader of this is busy comes out as one piece, so that many streams do not cost more than a machine has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from core.types import Usage

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk

# Where providers say why an answer ended.
_REASONS = ("finish_reason", "stop_reason", "done_reason")


class Reading:
    """One answer being read. `usage` and `finish_reason` are there once it has ended, if the server told them;
    `first_text` and `last_text` are when text came, by time.perf_counter()."""

    def __init__(self, chunks: AsyncIterator[AIMessageChunk]) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.first_text: float | None = None
        self.last_text: float | None = None
        self._arrived: list[str] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read(chunks))
        self._task.add_done_callback(lambda _: self._news.set())

    async def next(self, patience: float | None = None) -> str:
        """The text that has come since the last call, waited for `patience` seconds; "" at the end.

        Raises TimeoutError when nothing comes, and whatever the model raises.
        """
        async with asyncio.timeout(patience):
            await self._news.wait()
        text = "".join(self._arrived)
        self._arrived.clear()
        self._news.clear()
        if self._task.done():
            self._news.set()
            if not text:
                self._task.result()
        return text

    async def close(self) -> None:
        """Stop reading, which ends the request if it still runs."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, chunks: AsyncIterator[AIMessageChunk]) -> None:
        async for chunk in chunks:
            text = str(chunk.text)
            if self.first_text is None:
                text = text.lstrip()  # models like to begin with an empty line
            if text:
                self.last_text = time.perf_counter()
                self.first_text = self.first_text or self.last_text
                self._arrived.append(text)
                self._news.set()
            self._note(chunk)

    def _note(self, chunk: AIMessageChunk) -> None:
        said = chunk.response_metadata
        reason = next((said[name] for name in _REASONS if said.get(name)), None) if said else None
        self.finish_reason = str(reason) if reason else self.finish_reason
        if chunk.usage_metadata:
            used = chunk.usage_metadata
            self.usage = Usage(used["input_tokens"], used["output_tokens"])
