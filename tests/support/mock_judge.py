"""A judge's server that speaks OpenAI's chat completions, on loopback, as slow and as unreliable as a test wants it.

    with MockJudge(latency_seconds=0.3, manner=Manner.BUSY, rate=0.2) as judge:
        settings = load_settings(judge_url=judge.url, judge_model="mock")

`python -m tests.support.mock_judge --latency 0.3` runs it as a process of its own; `GET /stats` says how busy it was.
Which requests go wrong depends on the seed and on the prompt, not on the order in which they arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.judge_replies import Manner, reply
from tests.support.loopback_server import LoopbackServer

# Long enough for any test's timeout to strike.
_HANG_SECONDS = 30.0


@dataclass
class Stats:
    """What the server saw: requests by how they were answered, the seconds spent on them all together, and the
    seconds from the first request's start to the last one's end."""

    answered: Counter[str] = field(default_factory=Counter)
    worked_seconds: float = 0.0
    most_at_once: int = 0
    first: float | None = None
    last: float = 0.0

    def busy(self, concurrency: int) -> float:
        """The share of what `concurrency` places could have worked in that time."""
        return self.worked_seconds / (concurrency * (self.last - self.first)) if self.first is not None else 0.0


class MockJudge(LoopbackServer):
    """The server, in a thread. `rate` of the prompts are answered in `manner`, the others sensibly; a prompt that is
    asked again after a failure fails again as long as `lasting` is set, and else is answered. `respond` writes the
    answers in place of all that."""

    def __init__(
        self,
        *,
        latency_seconds: float = 0.0,
        manner: Manner = Manner.SENSIBLE,
        rate: float = 1.0,
        lasting: bool = True,
        seed: int = 0,
        port: int = 0,
        respond: Callable[[str], str] | None = None,
    ) -> None:
        self.latency_seconds = latency_seconds
        self.manner = manner
        self.rate = rate
        self.lasting = lasting
        self.seed = seed
        self._respond = respond
        self.stats = Stats()
        self.prompts: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._seen: Counter[str] = Counter()
        self._at_once = 0
        routes = [Route("/v1/chat/completions", self._complete, methods=["POST"]), Route("/stats", self._stats)]
        super().__init__(Starlette(routes=routes), port)

    async def _stats(self, _: Request) -> Response:
        seen = {name: getattr(self.stats, name) for name in Stats.__dataclass_fields__}
        return JSONResponse({**seen, "answered": dict(self.stats.answered)})

    async def _complete(self, request: Request) -> Response:
        started = time.perf_counter()
        if self.stats.first is None:
            self.stats.first = started
        self._at_once += 1
        self.stats.most_at_once = max(self.stats.most_at_once, self._at_once)
        try:
            return await self._answer(request)
        finally:
            self._at_once -= 1
            self.stats.last = time.perf_counter()
            self.stats.worked_seconds += self.stats.last - started

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        prompt = body["messages"][0]["content"]
        self.prompts.append(prompt)
        self.headers.append(dict(request.headers))
        manner = self._manner(prompt)
        self.stats.answered[manner] += 1
        await asyncio.sleep(_HANG_SECONDS if manner is Manner.HANGS else self.latency_seconds)
        if manner is Manner.SERVER_ERROR:
            return JSONResponse({"error": {"message": "out of memory"}}, status_code=500)
        if manner is Manner.BUSY:
            return JSONResponse({"error": {"message": "too many requests"}}, status_code=429)
        text = self._respond(prompt) if self._respond else reply(prompt, manner)
        return JSONResponse(_completion(body["model"], text))

    def _manner(self, prompt: str) -> Manner:
        self._seen[prompt] += 1
        dice = hashlib.sha256(f"{self.seed} {prompt}".encode()).digest()
        wrong = int.from_bytes(dice[:4]) < self.rate * 2**32
        return self.manner if wrong and (self.lasting or self._seen[prompt] == 1) else Manner.SENSIBLE


def _completion(model: str, text: str) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {
        "id": "mock",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def main() -> None:
    """Serve until interrupted; the first line printed is the URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--manner", type=Manner, default=Manner.SENSIBLE)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--passing", action="store_true", help="a failed prompt succeeds when it is asked again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    judge = MockJudge(
        latency_seconds=asked.latency,
        manner=asked.manner,
        rate=asked.rate,
        lasting=not asked.passing,
        seed=asked.seed,
        port=asked.port,
    )
    with judge:
        print(json.dumps({"url": judge.url}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
