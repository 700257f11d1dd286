"""`python -m tests.benchmarks.streams`: many answers streamed at the same time through a real server process.

A mock model server, a process of its own, writes answers at a set speed. As many people as `--streams` ask it directly,
and then for minutes through RAGLoop, each beginning a new question when an answer has ended. What RAGLoop adds is the
difference: to the first text, to the whole answer, and between two pieces of text. A word, a link and a span of code
leave when they are whole, so the first text comes at least a token later. The server's memory is noted.
The people are this process. Everything shares the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from core.settings import Settings
from core.telemetry import configure_logging
from tests.benchmarks import machine
from tests.benchmarks.figures import spread
from tests.benchmarks.model_answers import (
    SETTLING_SECONDS,
    Streamed,
    install,
    mock_model,
    prompts,
    stream,
    turn,
    variables,
)
from tests.benchmarks.run import save
from tests.benchmarks.search import resident_mb, server

# The part of the time in which the mock is asked directly.
BARE_SHARE = 0.1
LEAST_SECONDS = 25.0
QUESTIONS = 100


class People:
    """So many who ask on and on until the time is over, beginning one after another."""

    def __init__(self, url: str, bodies: Sequence[dict[str, Any]], streams: int, answer_seconds: float) -> None:
        self._url = url
        self._bodies = bodies
        self._streams = streams
        self._spread_over = answer_seconds
        self.answers: list[Streamed] = []

    async def ask_for(self, seconds: float) -> None:
        """Ask for so long; answers that have begun are read to their end."""
        until = time.monotonic() + seconds
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            await asyncio.gather(*(self._ask_on(client, number, until) for number in range(self._streams)))

    async def _ask_on(self, client: httpx.AsyncClient, number: int, until: float) -> None:
        await asyncio.sleep(self._spread_over * number / self._streams)
        while time.monotonic() < until:
            body = self._bodies[number % len(self._bodies)]
            self.answers.append(await stream(client, f"{self._url}/chat/completions", body))
            number += self._streams


def measure(settings: Settings, knobs: dict[str, float], streams: int, minutes: float) -> dict[str, Any]:
    """Directly, and then through a server, with the same questions: directly as the messages that the server sends."""
    answer_seconds = knobs["first_token_seconds"] + knobs["words"] / knobs["tokens_per_second"]
    url = str(settings.model_url)
    turn(url, tokens_per_second=0, first_token_seconds=0)
    asked = asyncio.run(prompts(settings, "base", QUESTIONS, settings.model_max_tokens))
    turn(url, **knobs)
    bare = People(url, [each.body for each in asked], streams, answer_seconds)
    asyncio.run(bare.ask_for(max(LEAST_SECONDS, minutes * 60 * BARE_SHARE)))
    memory: list[float] = []
    with server(settings, **variables(url, model_concurrency=streams)) as (address, process):
        time.sleep(SETTLING_SECONDS)
        bodies = [{"model": "ragloop", "messages": [{"role": "user", "content": each.question}]} for each in asked]
        through = People(f"{address}/v1", bodies, streams, answer_seconds)

        async def ask_and_watch() -> None:
            watching = asyncio.create_task(_watch(process.pid, memory))
            await through.ask_for(minutes * 60)
            watching.cancel()

        asyncio.run(ask_and_watch())
    return figures(bare.answers, through.answers, memory)


async def _watch(pid: int, memory: list[float]) -> None:
    while True:
        memory.append(resident_mb(pid))
        await asyncio.sleep(1)


def figures(bare: Sequence[Streamed], through: Sequence[Streamed], memory: Sequence[float]) -> dict[str, Any]:
    """What was measured directly and through RAGLoop, what RAGLoop added, and what was lost."""
    errors = [each.error for each in through if each.error]
    sides = {"bare": _times(bare), "through": _times(through)}
    added = {
        f"added_{name}_{at}": round(sides["through"][name][at] - sides["bare"][name][at], 1)
        for name in sides["bare"]
        for at in ("median", "p95")
    }
    tenths = [memory[len(memory) * part // 10] for part in range(10)] + [memory[-1]] if memory else []
    return {
        "answers": len(through),
        "dropped": len(errors),
        "errors": {error: errors.count(error) for error in set(errors)},
        "pieces_of_text": sum(1 + len(each.gaps) for each in through),
        **sides,
        **added,
        "server_resident_mb_by_tenths": tenths,
    }


def _times(answers: Sequence[Streamed]) -> dict[str, dict[str, Any]]:
    whole = [each for each in answers if not each.error]
    return {
        "first_text_ms": spread([each.first_text * 1000 for each in whole], 1),
        "whole_ms": spread([each.whole * 1000 for each in whole], 1),
        "gap_ms": spread([gap * 1000 for each in whole for gap in each.gaps], 1),
    }


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--first-token", type=float, default=0.3, help="seconds until the model's first token")
    parser.add_argument("--tokens-per-second", type=float, default=10.0, help="of each answer")
    parser.add_argument("--markdown", action="store_true", help="the model quotes links and code as they stand")
    parser.add_argument("--tokens", type=int, default=200, help="of each answer")
    chosen = parser.parse_args()
    configure_logging("warning")
    knobs = {
        "first_token_seconds": chosen.first_token,
        "tokens_per_second": chosen.tokens_per_second,
        "words": chosen.tokens,
        "jitter": 0.2,
        "plain": not chosen.markdown,
    }
    with tempfile.TemporaryDirectory() as scratch, mock_model() as url:
        settings = install(Path(scratch) / "home", url)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "streams": {
                "at_once": chosen.streams,
                "minutes": chosen.minutes,
                **knobs,
                **measure(settings, knobs, chosen.streams, chosen.minutes),
            },
        }
    save(result)


if __name__ == "__main__":
    main()
