"""The limit on answers written at once: so many, as many waiting, the others are told to come back."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import BusyError
from serving.llm.places import Places


async def test_beyond_places_and_waiting_room_there_is_busy() -> None:
    limit, leave = Places(2), asyncio.Event()
    order: list[int] = []

    async def write(number: int) -> None:
        async with limit.one():
            order.append(number)
            await leave.wait()

    writing = [asyncio.create_task(write(number)) for number in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError) as refused:
        async with limit.one():
            pass
    assert refused.value.status == 429
    assert refused.value.retry_after_seconds > 0
    assert order == [0, 1]
    leave.set()
    await asyncio.gather(*writing)
    assert order == [0, 1, 2, 3]  # first come, first served


async def test_the_wait_is_measured() -> None:
    limit = Places(1)

    async def hold() -> None:
        async with limit.one():
            await asyncio.sleep(0.05)

    held = asyncio.create_task(hold())
    await asyncio.sleep(0)
    async with limit.one() as waited:
        assert 0.03 < waited < 1
    await held


async def test_who_gives_up_waiting_leaves_no_gap() -> None:
    limit = Places(1)
    async with limit.one():
        waiting = asyncio.create_task(limit.one().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with limit.one() as waited:
        assert waited < 0.1


async def test_who_is_not_patient_does_not_wait() -> None:
    limit = Places(1)
    async with limit.one():
        with pytest.raises(BusyError):
            async with limit.one(patient=False):
                pass
