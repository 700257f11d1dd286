"""`python -m tests.benchmarks.first_token`: what RAGLoop adds to a model's time to first token.

The same question goes to a real server process and, as the very messages that the server sends for it, to the model
server itself, in turns. Before that the model server is sent them once uncounted, so that its prefix cache is warm for
both. What is added beyond finding passages is stated with and without weighing the evidence, which decides whether
there is anything to answer from. By default vLLM serves the small model; `--mock` takes the mock model server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from core.settings import Settings
from core.telemetry import configure_logging
from tests.benchmarks import machine
from tests.benchmarks.figures import spread
from tests.benchmarks.model_answers import SETTLING_SECONDS, install, mock_model, prompts, turn, variables
from tests.benchmarks.run import save
from tests.benchmarks.search import server

# Two passages, so that the small model's window holds them.
LIMITS: dict[str, Any] = {"top_k": 2, "model_max_tokens": 64}


def measure(settings: Settings, model: str, count: int, limits: dict[str, Any]) -> dict[str, Any]:
    """Ask each question both ways, the first of the two changing; `limits` are the settings of the server."""
    asked = asyncio.run(prompts(settings, model, count, max_tokens=LIMITS["model_max_tokens"]))
    bare: list[float] = []
    through: list[float] = []
    retrieval: list[float] = []
    evidence: list[float] = []
    url = str(settings.model_url)
    with server(settings, **variables(url, **limits)) as (address, _), httpx.Client(timeout=60) as client:
        time.sleep(SETTLING_SECONDS)
        for each in asked[:3]:  # nobody's first question
            _through(client, address, each.question)
        for number, each in enumerate(asked):
            _bare(client, url, each.body)
            if number % 2:
                bare.append(_bare(client, url, each.body))
            first, timings = _through(client, address, each.question)
            if not number % 2:
                bare.append(_bare(client, url, each.body))
            through.append(first)
            retrieval.append(timings["retrieve"])
            evidence.append(timings["evidence"])
    rows = list(zip(through, bare, retrieval, evidence, strict=True))
    return {
        "bare_ms": spread([1000 * each for each in bare]),
        "through_ms": spread([1000 * each for each in through]),
        "retrieval_ms": spread([1000 * each for each in retrieval]),
        "evidence_ms": spread([1000 * each for each in evidence]),
        "added_beyond_retrieval_ms": spread([1000 * (one - other - found) for one, other, found, _ in rows]),
        "added_beyond_retrieval_and_evidence_ms": spread(
            [1000 * (one - other - found - weighed) for one, other, found, weighed in rows]
        ),
    }


def _bare(client: httpx.Client, url: str, body: dict[str, Any]) -> float:
    return _first_text(client, f"{url}/chat/completions", body)[0]


def _through(client: httpx.Client, address: str, question: str) -> tuple[float, dict[str, float]]:
    body = {"model": "ragloop", "messages": [{"role": "user", "content": question}], "stream": True}
    first, last = _first_text(client, f"{address}/v1/chat/completions", body)
    if last.get("degraded") or last["model_use"] is None:
        raise AssertionError(f"the model did not answer {question!r}")
    return first, last["timings"]


def _first_text(client: httpx.Client, url: str, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Seconds to the first visible text, and the last chunk; the stream is read to its end."""
    asked, first, last = time.perf_counter(), 0.0, {}
    with client.stream("POST", url, json=body) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            last = json.loads(line.removeprefix("data: "))
            if not first and last["choices"] and (last["choices"][0]["delta"].get("content") or "").strip():
                first = time.perf_counter() - asked
    if not first:
        raise AssertionError("no text came")
    return first, last


@contextmanager
def _model_server(mock: bool) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The model server's URL, the model's name, and the settings to ask it with."""
    if mock:
        with mock_model() as url:
            turn(url, first_token_seconds=0.02, tokens_per_second=100)
            yield url, "base", LIMITS
        return
    from tests.support.vllm_server import NAME, SMALL_MODEL, vllm_server

    with vllm_server(SMALL_MODEL) as vllm:
        yield vllm.url, NAME, {**LIMITS, "model_tokenizer": SMALL_MODEL}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--mock", action="store_true", help="the mock model server in place of vLLM")
    chosen = parser.parse_args()
    configure_logging("warning")
    with tempfile.TemporaryDirectory() as scratch, _model_server(chosen.mock) as (url, model, limits):
        settings = install(Path(scratch) / "home", url, model, **limits)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "first_token": {
                "model_server": "mock" if chosen.mock else "vllm",
                **measure(settings, model, chosen.questions, limits),
            },
        }
    save(result)


if __name__ == "__main__":
    main()
