"""What a browser visits: the application, served, and a generator that types."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from core.ports import Generated, GenerationRequest, TextDelta
from core.types import Citation, Usage
from tests.support.loopback_server import LoopbackServer


class Typist:
    """A generator that types the best passage word by word, citing it after each paragraph, as a slow model would."""

    name = "typist"

    def __init__(self, seconds_per_word: float = 0.05) -> None:
        self.seconds_per_word = seconds_per_word
        self.cancelled = threading.Event()

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        pause = 1.0 if "slowly" in request.question else self.seconds_per_word
        chunk = request.passages[0].chunk
        try:
            for word in chunk.text.split(" "):
                await asyncio.sleep(pause)
                yield TextDelta(f"{word} ")
            yield TextDelta("[1]")
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise
        yield Generated((Citation(1, chunk, chunk.start, chunk.end, chunk.text, 1.0),), Usage(1, 1))


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve the application on a free port of this machine; its address."""
    with LoopbackServer(app, lifespan=True) as server:
        yield server.root
