"""How many answers are written at the same time, and how many questions wait for that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.errors import BusyError

_RETRY_SECONDS = 2


class Places:
    """`number` answers at once, as many waiting, first come first served. Belongs to one event loop."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._free = asyncio.Semaphore(number)
        self._waiting = self._writing = 0

    @property
    def writing(self) -> int:
        """Places that are taken."""
        return self._writing

    @property
    def waiting(self) -> int:
        """Questions that wait for one."""
        return self._waiting

    @asynccontextmanager
    async def one(self, *, patient: bool = True) -> AsyncIterator[float]:
        """A place for as long as the block lasts, and the seconds that it took to get it.

        Raises BusyError when too many are waiting already, or when one would have to wait and is not `patient`.
        """
        asked = time.perf_counter()
        await self._take(patient)
        self._writing += 1
        try:
            yield time.perf_counter() - asked
        finally:
            self._writing -= 1
            self._free.release()

    async def _take(self, patient: bool) -> None:
        if self._free.locked() and (not patient or self._waiting >= self._number):
            raise BusyError(
                f"{self._number} answers are being written and as many questions wait.",
                hint="Try again in a moment; RAGLOOP_MODEL_CONCURRENCY sets how many are taken.",
                retry_after_seconds=_RETRY_SECONDS,
            )
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
