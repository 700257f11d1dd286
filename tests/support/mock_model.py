"""A model server that speaks OpenAI's chat completions and vLLM's own endpoints, on loopback, as fast, as slow and as
unreliable as a test wants it.

    with MockModel(first_token_seconds=0.2, tokens_per_second=30) as model:
        settings = load_settings(model_url=model.url)
        model.manner = ModelManner.DROPPED      # from the next request on

`python -m tests.support.mock_model --first-token 0.2 --tokens-per-second 30` runs it as a process of its own, which prints its
URL. `GET /stats` says what it saw; `POST /knobs {"manner": "hangs", "words": 50}` changes how it answers.
It answers with a sentence quoted out of the prompt and its marker, `words` times over, or with what `respond` makes of
the messages. It keeps its context: a prompt too long is refused as vLLM refuses it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.support.loopback_server import LoopbackServer
from tests.support.model_replies import (
    STATUSES,
    ModelManner,
    count,
    prose,
    sensible,
    tokens,
)

# Long enough for any test's timeout to strike.
_HANG_SECONDS = 60.0
_KEPT = 20_000
# What can be changed from outside while it runs, beside the manner.
_KNOBS = {"failures", "first_token_seconds", "tokens_per_second", "jitter", "words", "plain"}
_HALFWAY = frozenset({ModelManner.TRUNCATED, ModelManner.DROPPED, ModelManner.STALLS})

Messages = Sequence[Mapping[str, str]]


@dataclass(slots=True)
class Seen:
    """One completion that was asked for. Times are of the wall clock; `ended` is None while it is being written,
    `aborted` says that the client left before its end."""

    model: str
    question: str
    manner: str
    opened: float
    ended: float | None = None
    aborted: bool = False
    tokens: int = 0


@dataclass(slots=True)
class Stats:
    """What the server saw. `requests` are the last completions that were asked for, in order."""

    open: int = 0
    most_open: int = 0
    aborted: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    requests: deque[Seen] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def begin(self, seen: Seen) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.answered[seen.manner] += 1
        self.requests.append(seen)

    def end(self, seen: Seen, aborted: bool) -> None:
        seen.ended, seen.aborted = time.time(), aborted
        self.open -= 1
        self.aborted += aborted


class MockModel(LoopbackServer):
    """The server, in a thread. `manner` is how the next request is answered; `failures` is how many are answered so
    before it turns sensible, None for all. `adapters` are those that were loaded: name → path."""

    def __init__(
        self,
        *,
        first_token_seconds: float = 0.0,
        tokens_per_second: float = 0.0,
        jitter: float = 0.0,
        manner: ModelManner = ModelManner.SENSIBLE,
        failures: int | None = None,
        respond: Callable[[Messages], str] | None = None,
        words: int = 0,
        plain: bool = False,
        models: Sequence[str] = ("base",),
        max_model_len: int = 8192,
        api_key: str | None = None,
        load_seconds: float = 0.0,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        """`tokens_per_second` 0 is as fast as it goes; `jitter` 0.2 lets each wait vary by a fifth; `words` makes
        answers at least so many tokens long; `plain` ones hold no markdown; `load_seconds` is what loading an adapter takes."""
        self.first_token_seconds = first_token_seconds
        self.tokens_per_second = tokens_per_second
        self.jitter = jitter
        self.manner = manner
        self.failures = failures
        self.respond = respond or sensible
        self.words = words
        self.plain = plain
        self.models = tuple(models)
        self.max_model_len = max_model_len
        self.api_key = api_key
        self.load_seconds = load_seconds
        self.adapters: dict[str, str] = {}
        self.stats = Stats()
        self.bodies: deque[dict[str, Any]] = deque(maxlen=1000)
        self.headers: deque[dict[str, str]] = deque(maxlen=1000)
        self._dice = random.Random(seed)
        super().__init__(Starlette(routes=self._routes()), port)

    def _routes(self) -> list[Route]:
        return [
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
            Route("/v1/models", self._models),
            Route("/v1/load_lora_adapter", self._load, methods=["POST"]),
            Route("/v1/unload_lora_adapter", self._unload, methods=["POST"]),
            Route("/tokenize", self._tokenize, methods=["POST"]),
            Route("/health", self._health),
            Route("/stats", self._stats),
            Route("/knobs", self._turn, methods=["POST"]),
        ]

    # ------------------------------------------------------------ completions

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        manner = self._next_manner()
        question = str(body["messages"][-1]["content"]).rsplit("Question: ", 1)[-1][:200]
        seen = Seen(body["model"], question, manner, time.time())
        refusal = self._refusal(request, body, manner)
        if refusal is not None:
            self.stats.begin(seen)
            await self._wait(self.first_token_seconds)
            self.stats.end(seen, aborted=False)
            return refusal
        return _Streamed(self, body, manner, seen)

    def _next_manner(self) -> ModelManner:
        manner = self.manner
        if self.failures is not None and manner is not ModelManner.SENSIBLE:
            self.failures -= 1
            if self.failures <= 0:
                self.manner, self.failures = ModelManner.SENSIBLE, None
        return manner

    def _refusal(self, request: Request, body: Mapping[str, Any], manner: ModelManner) -> Response | None:
        if manner in STATUSES:
            status, message = STATUSES[manner]
            return _error(status, message)
        if manner is ModelManner.NOT_JSON:
            return HTMLResponse("<html><body>Welcome to nginx!</body></html>")
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return _error(401, "Unauthorized")
        if body["model"] not in (*self.models, *self.adapters):
            return _error(404, f"The model `{body['model']}` does not exist.")
        asked, answer = count(body["messages"]), _limit(body) or 1
        if asked + answer > self.max_model_len:
            return _error(
                400,
                f"This model's maximum context length is {self.max_model_len} tokens. However, you requested {answer}"
                f" output tokens and your prompt contains {asked} input tokens. Please reduce the length.",
            )
        return None

    def answer(self, messages: Messages) -> list[str]:
        """The tokens of the answer to these messages."""
        said = self.respond(messages)
        if self.plain:
            said = prose(said)
        return tokens(said if not self.words else " ".join([said] * (1 + self.words // max(1, len(tokens(said))))))

    async def pieces(self, body: Mapping[str, Any], manner: ModelManner) -> AsyncIterator[tuple[str, str | None]]:
        """Pieces of text as they are written, and with the last one the finish reason."""
        await self._wait(_HANG_SECONDS if manner is ModelManner.HANGS else self.first_token_seconds)
        said = [] if manner is ModelManner.EMPTY else self.answer(body["messages"])
        limit = _limit(body) or len(said)
        kept = said[: len(said) // 2 + 1] if manner in _HALFWAY else said[:limit]
        due = time.perf_counter()
        for token in kept:
            yield token, None
            if self.tokens_per_second:
                due += self._varied(1 / self.tokens_per_second)
                await asyncio.sleep(due - time.perf_counter())
        if manner is ModelManner.STALLS:
            await asyncio.sleep(_HANG_SECONDS)
        if manner not in _HALFWAY:
            yield "", "length" if len(said) > limit else "stop"

    def _varied(self, seconds: float) -> float:
        return seconds * self._dice.uniform(1 - self.jitter, 1 + self.jitter)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(self._varied(seconds))

    # ------------------------------------------------------------ vLLM's own

    async def _models(self, _: Request) -> Response:
        base = [{"id": name, "object": "model", "root": name, "parent": None, "max_model_len": self.max_model_len}
                for name in self.models]  # fmt: skip
        loaded = [{"id": name, "object": "model", "root": path, "parent": self.models[0], "max_model_len": None}
                  for name, path in self.adapters.items()]  # fmt: skip
        return JSONResponse({"object": "list", "data": [*base, *loaded]})

    async def _tokenize(self, request: Request) -> Response:
        body = await request.json()
        number = count(body["messages"]) if "messages" in body else len(tokens(body["prompt"]))
        return JSONResponse({"count": number, "max_model_len": self.max_model_len, "tokens": list(range(number))})

    async def _load(self, request: Request) -> Response:
        body = await request.json()
        name, path = body.get("lora_name"), body.get("lora_path")
        if not name or not path:
            return _error(400, "Both 'lora_name' and 'lora_path' must be provided.", "InvalidUserInput")
        if name in self.adapters and not body.get("load_inplace"):
            return _error(400, f"The lora adapter '{name}' has already been loaded.", "InvalidUserInput")
        await asyncio.sleep(self.load_seconds)
        if not (Path(path) / "adapter_config.json").is_file():
            return _error(404, f"Loading lora {name} failed: No adapter found for {path}", "NotFoundError")
        self.adapters[name] = path
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    async def _unload(self, request: Request) -> Response:
        name = (await request.json()).get("lora_name")
        if name not in self.adapters:
            return _error(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        del self.adapters[name]
        return PlainTextResponse(f"Success: LoRA adapter '{name}' removed successfully.")

    async def _health(self, _: Request) -> Response:
        return Response()

    async def _stats(self, _: Request) -> Response:
        stats = self.stats
        seen = [asdict(each) for each in stats.requests]
        counts = {"open": stats.open, "most_open": stats.most_open, "aborted": stats.aborted}
        return JSONResponse({**counts, "answered": dict(stats.answered), "requests": seen})

    async def _turn(self, request: Request) -> Response:
        knobs = await request.json()
        self.manner = ModelManner(knobs.pop("manner", self.manner))
        for name in _KNOBS & knobs.keys():
            setattr(self, name, knobs[name])
        return JSONResponse({"manner": self.manner, **{name: getattr(self, name) for name in _KNOBS}})


class _Streamed(Response):
    """A completion, whole or as server-sent events, given up when the client leaves."""

    def __init__(self, model: MockModel, body: Mapping[str, Any], manner: ModelManner, seen: Seen) -> None:
        self._model, self._body, self._manner, self._seen = model, body, manner, seen
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._model.stats.begin(self._seen)
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            self._model.stats.end(self._seen, aborted=not writing.done())
        finally:
            for task in (writing, leaving):
                task.cancel()
            failures = await asyncio.gather(writing, leaving, return_exceptions=True)
        if isinstance(failures[0], _HangUpError):
            raise failures[0]  # uvicorn closes the connection

    async def _write(self, send: Send) -> None:
        if self._body.get("stream"):
            await self._write_events(send)
        else:
            await self._write_whole(send)
        if self._manner is not ModelManner.DROPPED:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            raise _HangUpError

    async def _write_events(self, send: Send) -> None:
        await _start(send, "text/event-stream")
        await self._send(send, _chunk(self._body["model"], {"role": "assistant", "content": ""}))
        async for text, reason in self._model.pieces(self._body, self._manner):
            self._seen.tokens += bool(text)
            if self._manner is ModelManner.BROKEN_JSON:
                await send({"type": "http.response.body", "body": b'data: {"choices": [\n\n', "more_body": True})
            if self._manner is ModelManner.ERROR_EVENT:
                await self._send(send, {"error": {"message": "EngineCore died", "type": "InternalServerError"}})
            await self._send(send, _chunk(self._body["model"], {"content": text} if text else {}, reason))
        if self._manner in _HALFWAY:
            return
        if (self._body.get("stream_options") or {}).get("include_usage"):
            await self._send(send, {**_chunk(self._body["model"], {}), "choices": [], "usage": self._usage()})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True})

    async def _write_whole(self, send: Send) -> None:
        pieces = [piece async for piece in self._model.pieces(self._body, self._manner)]
        said, reason = "".join(text for text, _ in pieces), pieces[-1][1] if pieces else None
        self._seen.tokens = sum(bool(text) for text, _ in pieces)
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": reason}
        whole = {**_chunk(self._body["model"], {}), "object": "chat.completion", "choices": [choice]}
        await _start(send, "application/json")
        content = json.dumps({**whole, "usage": self._usage()}).encode()
        broken = self._manner in (ModelManner.BROKEN_JSON, *_HALFWAY)
        await send({"type": "http.response.body", "body": content[:40] if broken else content, "more_body": True})

    def _usage(self) -> dict[str, int]:
        prompt = count(self._body["messages"])
        return {
            "prompt_tokens": prompt,
            "completion_tokens": self._seen.tokens,
            "total_tokens": prompt + self._seen.tokens,
        }

    async def _send(self, send: Send, payload: dict[str, Any]) -> None:
        body = f"data: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})


class _HangUpError(Exception):
    """Raised to make the server close a connection in the middle of a response."""


async def _start(send: Send, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunk(model: str, delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {"id": "mock", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}


def _limit(body: Mapping[str, Any]) -> int | None:
    return body.get("max_completion_tokens") or body.get("max_tokens")


def _error(status: int, message: str, kind: str = "error") -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)


def main() -> None:
    """Serve until interrupted; the first line printed is the URL."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-token", type=float, default=0.0)
    parser.add_argument("--tokens-per-second", type=float, default=0.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--manner", type=ModelManner, default=ModelManner.SENSIBLE)
    parser.add_argument("--failures", type=int, default=None)
    parser.add_argument("--words", type=int, default=0, help="answers are at least so many tokens long")
    parser.add_argument("--model", action="append", help="a name that is served; base if none is given")
    parser.add_argument("--max-model-len", type=int, default=8192)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    model = MockModel(
        first_token_seconds=asked.first_token,
        tokens_per_second=asked.tokens_per_second,
        jitter=asked.jitter,
        manner=asked.manner,
        failures=asked.failures,
        words=asked.words,
        models=asked.model or ("base",),
        max_model_len=asked.max_model_len,
        port=asked.port,
    )
    with model, contextlib.suppress(KeyboardInterrupt):
        print(json.dumps({"url": model.url}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
