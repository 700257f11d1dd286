"""`python -m tests.benchmarks.disconnects`: people who leave in the middle of an answer.

They stream answers of a mock model server, a process of its own, through a real server in this process, and close their
connections at random moments after the first text. The mock notes when each request was given up; afterwards the
server's event loop is looked at for tasks that are still there.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from app.server import create_app
from core.settings import Settings
from core.storage.releases import ReleaseRepository
from core.telemetry import configure_logging
from serving.factory import open_services
from tests.benchmarks import machine
from tests.benchmarks.figures import spread
from tests.benchmarks.model_answers import FIRST_TEXT, install, mock_model, questions, turn
from tests.benchmarks.run import save
from tests.support.loopback_server import LoopbackServer

AT_ONCE = 40
WITHIN_SECONDS = 1.0
FIRST_TOKEN_SECONDS = 0.2
LONGEST_STAY_SECONDS = 2.0


class Watched:
    """The application, and the event loop that it runs in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        await self._app(scope, receive, send)

    def tasks(self) -> list[str]:
        """What runs now."""
        assert self.loop is not None
        return sorted(
            getattr(task.get_coro(), "__qualname__", "an event being read") for task in asyncio.all_tasks(self.loop)
        )


def measure(settings: Settings, people: int, seed: int) -> dict[str, Any]:
    """Let so many leave, and look when the model's server heard of it."""
    services = open_services(settings)
    services.warm_up()
    champion = ReleaseRepository(services.database).champion()
    assert champion is not None
    asked = questions(services, champion.manifest.collection.name, 50)
    watched = Watched(create_app(settings, services))
    root = str(settings.model_url).removesuffix("/v1")
    try:
        with LoopbackServer(watched) as running:
            asyncio.run(_ask(running.url, f"{asked[0]} (before)", 0.0))
            time.sleep(WITHIN_SECONDS)
            before = watched.tasks()
            left = asyncio.run(_all_leave(running.url, asked, people, random.Random(seed)))
            time.sleep(2 * WITHIN_SECONDS)
            after = watched.tasks()
            seen = {each["question"]: each for each in httpx.get(f"{root}/stats").json()["requests"]}
    finally:
        services.close()
    heard = {question: seen[question] for question in left if question in seen}
    late = [each["ended"] - left[question] for question, each in heard.items() if each["aborted"]]
    return {
        "left": len(left),
        "never_asked": len(left) - len(heard),
        "answered_before_they_left": sum(each["ended"] is not None and not each["aborted"] for each in heard.values()),
        "aborted": len(late),
        "never_aborted": sum(each["ended"] is None for each in heard.values()),
        "aborted_within_a_second": round(sum(seconds <= WITHIN_SECONDS for seconds in late) / max(1, len(late)), 4),
        "abort_ms": spread([seconds * 1000 for seconds in late], 1) if late else None,
        "tasks_before": before,
        "tasks_after": after,
    }


async def _all_leave(url: str, asked: list[str], people: int, dice: random.Random) -> dict[str, float]:
    """When each left, by question."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> tuple[str, float]:
        question = f"{asked[number % len(asked)]} (case {number})"
        async with places:
            return question, await _ask(url, question, dice.uniform(0, LONGEST_STAY_SECONDS))

    return dict(await asyncio.gather(*(one(number) for number in range(people))))


async def _ask(url: str, question: str, stay: float) -> float:
    """Ask, and leave so long after the first text; when that was."""
    body = {"model": "ragloop", "messages": [{"role": "user", "content": question}], "stream": True}
    begun = asyncio.Event()

    async def read() -> None:
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream("POST", f"{url}/chat/completions", json=body) as response,
        ):
            async for raw in response.aiter_raw():
                if FIRST_TEXT in raw:
                    begun.set()

    reading = asyncio.create_task(read())
    await begun.wait()
    await asyncio.sleep(stay)
    gone = time.time()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return gone


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    configure_logging("warning")
    with (
        tempfile.TemporaryDirectory() as scratch,
        mock_model() as url,
    ):
        settings = install(Path(scratch) / "home", url)
        turn(url, words=1000, first_token_seconds=FIRST_TOKEN_SECONDS, tokens_per_second=20, jitter=0.2)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "disconnects": measure(settings, chosen.people, chosen.seed),
        }
    save(result)


if __name__ == "__main__":
    main()
