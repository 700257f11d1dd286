"""`python -m tests.benchmarks.adapter_swaps`: releases with different LoRA adapters promoted in turn while people ask.

The real vLLM serves the small model, and a real server process is asked by several clients at once, every answer being
streamed, while this process promotes a release with one adapter and rolls back to the one with the other. After each
rollback the adapter that is no longer needed is unloaded, so each promotion loads it anew. Before, each release answers
every question by itself; the two differ in many. Under load every answer must be its release's: written by the model
that the release names, and where the two differ never the other's.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from core.release import Release
from core.settings import Settings, load_settings
from core.storage.releases import ReleaseRepository
from core.telemetry import configure_logging
from core.types import AccessScope, Actor, Role
from ingestion.factory import folder_source, open_pipeline
from serving.adapters.registry import AdapterRegistry
from serving.adapters.store import AdapterStore
from serving.answerer import Question
from serving.factory import Services, open_services
from serving.releases.service import ReleaseService
from serving.releases.verification import open_release
from tests.benchmarks import machine
from tests.benchmarks.figures import spread
from tests.benchmarks.run import ROOT, save
from tests.benchmarks.search import server
from tests.support.random_adapters import random_adapter
from tests.support.vllm_server import NAME, SMALL_MODEL, vllm_server

PEOPLE = 8
SEEDS = (1, 2)
QUESTIONS = 24
SOMEONE = Actor("a benchmark", frozenset(Role))
_PATIENCE_SECONDS = 300.0
# Short answers over a short context: the small model answers several in a second. A model that a busy machine keeps
# waiting is not down.
LIMITS = {"top_k": 2, "model_max_tokens": 96, "model_first_token_seconds": 90, "model_idle_seconds": 90}


@dataclass(frozen=True, slots=True)
class Streamed:
    """One streamed answer: what was asked, what came, and from which release and model it says it is. `error` is empty,
    or says what was wrong with the response."""

    question: str
    seconds: float
    error: str = ""
    text: str = ""
    release: str = ""
    model: str = ""
    degraded: bool = False
    abstained: bool = False


@dataclass
class Traffic:
    """Questions that people stream, one after another each, until `stop` is set."""

    address: str
    questions: Sequence[str]
    answers: list[Streamed] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    _next: Iterator[int] = field(default_factory=itertools.count)

    def run_beside(self, deed: Any) -> None:
        """Ask on while `deed` runs in this thread."""
        people = [threading.Thread(target=self._ask_on) for _ in range(PEOPLE)]
        for person in people:
            person.start()
        try:
            deed()
        finally:
            self.stop.set()
            for person in people:
                person.join()

    def wait_for(self, count: int) -> None:
        """Until so many more answers have come. Raises TimeoutError when they do not."""
        wanted, deadline = len(self.answers) + count, time.monotonic() + _PATIENCE_SECONDS
        while len(self.answers) < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{wanted - len(self.answers)} answers did not come")
            time.sleep(0.02)

    def _ask_on(self) -> None:
        with httpx.Client(timeout=120) as client:
            while not self.stop.is_set():
                question = self.questions[next(self._next) % len(self.questions)]
                self.answers.append(stream(client, self.address, question))


def stream(client: httpx.Client, address: str, question: str) -> Streamed:
    """Ask, and read the stream to its end."""
    body = {"model": "ragloop", "messages": [{"role": "user", "content": question}], "stream": True}
    started, text, last = time.perf_counter(), "", {}
    try:
        with client.stream("POST", f"{address}/v1/chat/completions", json=body) as response:
            response.raise_for_status()
            for chunk in _chunks(response):
                text += chunk["choices"][0]["delta"].get("content") or ""
                last = chunk
        if "release" not in last or last["answer"] != text:
            raise ValueError("the stream's end does not say what was streamed")
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return Streamed(question, time.perf_counter() - started, f"{type(error).__name__}: {error}"[:300])
    model = (last["model_use"] or {}).get("model", "")
    seconds = time.perf_counter() - started
    return Streamed(question, seconds, "", text, last["release"], model, last["degraded"], last["abstained"])


def _chunks(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def prepare(home: Path, models: Path, url: str, base: Path) -> tuple[Settings, Release, Release]:
    """An installation with the handbook in it, and two releases with an adapter each: the first is champion."""
    home.mkdir(parents=True)
    (home / "models").symlink_to(models.absolute())
    settings = load_settings(home=home, model_url=url, **LIMITS)
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, ROOT / "docs"))
    store = AdapterStore(settings.adapters)
    digests = [random_adapter(store, base, seed, home) for seed in SEEDS]
    services = open_services(settings)
    service = ReleaseService(services)
    first, second = (service.create(SOMEONE, changes=_changes(digest)) for digest in digests)
    service.promote(first.id, SOMEONE, reason="a benchmark", override=True)
    services.close()
    return settings, first, second


def _changes(digest: str) -> dict[str, str]:
    return {
        "generator.kind": "llm",
        "generator.base_model": NAME,
        "generator.adapter_digest": digest,
        "generator.sampling.temperature": "0",
    }


def measure(settings: Settings, releases: tuple[Release, Release], swaps: int, answers_between: int) -> dict[str, Any]:
    """Swap so often, with so many answers between two swaps."""
    services = open_services(settings)
    alone = {release.id: _alone(services, release) for release in releases}
    seconds: dict[str, list[float]] = {"promote": [], "rollback": []}
    environment = {f"RAGLOOP_{name.upper()}": str(value) for name, value in LIMITS.items()}
    try:
        with server(settings, RAGLOOP_MODEL_URL=str(settings.model_url), **environment) as (address, _):
            traffic = Traffic(address, list(alone[releases[0].id]))
            traffic.run_beside(lambda: _swap(services, releases[1], traffic, swaps, answers_between, seconds))
        return {**figures(traffic.answers, releases, alone), "swap_seconds": {d: spread(s) for d, s in seconds.items()}}
    finally:
        services.close()


def _alone(services: Services, release: Release) -> dict[str, str]:
    """What the release answers to each question when nothing else is asked; questions that it does not answer are left
    out by both."""
    assert services.model_servers is not None
    asyncio.run(services.model_servers.ensure_everywhere(release.manifest.generator))
    answerer = open_release(services, release, recorded=False)

    async def ask_all() -> dict[str, str]:
        found = {}
        for question in islice(_questions(services, release), QUESTIONS):
            answer = await answerer.ask(Question(question, AccessScope.everything(), origin="evaluation"))
            found[question] = answer.text
        return found

    return asyncio.run(ask_all())


def _questions(services: Services, release: Release) -> Iterator[str]:
    """Questions that name what a passage is about."""
    for stored, _ in services.index.scroll(release.manifest.collection.name):
        heading = stored.chunk.heading_path[-1] if stored.chunk.heading_path else stored.chunk.title
        yield f"What do the documents say about {heading}?"


def _swap(
    services: Services, second: Release, traffic: Traffic, swaps: int, between: int, seconds: dict[str, list[float]]
) -> None:
    service = ReleaseService(services)
    registry = AdapterRegistry(
        services.model_servers.store, ReleaseRepository(services.database), services.model_servers
    )  # fmt: skip
    for number in range(swaps):
        traffic.wait_for(between)
        started = time.perf_counter()
        if number % 2:
            service.rollback(SOMEONE, reason="a benchmark")
        else:
            service.promote(second.id, SOMEONE, reason="a benchmark", override=True)
        seconds["rollback" if number % 2 else "promote"].append(time.perf_counter() - started)
        if number % 2:
            registry.prune()
    traffic.wait_for(between)


def figures(
    answers: Sequence[Streamed], releases: tuple[Release, Release], alone: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """What went wrong, and how often an answer was word for word the one that its release gives alone."""
    served = {release.id: release.manifest.generator.served_model for release in releases}
    other = {releases[0].id: releases[1].id, releases[1].id: releases[0].id}
    written = [each for each in answers if not each.error and not each.abstained]
    mixtures = [
        f"{each.release[:12]} by {each.model}: {each.text[:80]}"
        for each in written
        if not each.degraded and (each.model != served[each.release] or _is_like(each, alone, other))
    ]
    return {
        "answers": len(answers),
        "by_release": dict(Counter(each.release[:12] for each in written)),
        "abstained": sum(each.abstained for each in answers),
        "failed": [each.error for each in answers if each.error],
        "degraded": sum(each.degraded for each in answers),
        "mixtures": mixtures,
        "as_alone": sum(each.text == alone[each.release][each.question] for each in written),
        "questions_told_apart": sum(
            alone[releases[0].id][question] != alone[releases[1].id][question] for question in alone[releases[0].id]
        ),
        "response_ms": spread([each.seconds * 1000 for each in answers]),
    }


def _is_like(each: Streamed, alone: Mapping[str, Mapping[str, str]], other: Mapping[str, str]) -> bool:
    """Whether the answer is word for word the other release's, and not its own's."""
    mine, others = alone[each.release][each.question], alone[other[each.release]][each.question]
    return each.text == others != mine


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--between", type=int, default=40, help="answers between two swaps")
    chosen = parser.parse_args()
    configure_logging("warning")
    models = ROOT / "var" / "models"
    base = SMALL_MODEL
    with tempfile.TemporaryDirectory() as scratch, vllm_server(base) as vllm:
        settings, first, second = prepare(Path(scratch) / "home", models, vllm.url, base)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "adapter_swaps": measure(settings, (first, second), chosen.swaps, chosen.between),
        }
    save(result)


if __name__ == "__main__":
    main()
