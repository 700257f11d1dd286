"""What the benchmarks of served models share: an installation whose champion a model answers, a mock model server in a
process of its own, and streams that are read with as little work as possible."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from core.settings import Settings, child_environment, load_settings
from core.storage.releases import ReleaseRepository
from core.types import AccessScope, Actor, Role
from ingestion.factory import folder_source, open_pipeline
from serving.answerer import Question
from serving.factory import Services, build_answerer, open_services
from serving.llm.conversation import prompt_messages
from serving.prompts.library import load_prompts
from serving.releases.service import ReleaseService
from tests.benchmarks.run import ROOT

SOMEONE = Actor("a benchmark", frozenset(Role))
# A server that has just been started reads its passages ahead; what is measured is one that has done so.
SETTLING_SECONDS = 60.0
FIRST_TEXT = b'"content":"'
_NO_TEXT = b'"content":""'


@dataclass(slots=True)
class Streamed:
    """One answer that was streamed. Times are in seconds from the request; `gaps` lie between pieces of text."""

    first_text: float = 0.0
    whole: float = 0.0
    gaps: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: the body that goes to the model server for it."""

    question: str
    body: dict[str, Any]


@contextmanager
def mock_model() -> Iterator[str]:
    """The base URL of a mock model server in a process of its own, as fast as it goes until `turn` is called."""
    command = [sys.executable, "-m", "tests.support.mock_model"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=child_environment())
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait(timeout=20)


def turn(url: str, **knobs: float) -> None:
    """Let the mock answer so from now on."""
    httpx.post(f"{url.removesuffix('/v1')}/knobs", json=knobs).raise_for_status()


def install(home: Path, url: str, model: str = "base", **settings: object) -> Settings:
    """An installation with the handbook in it, whose champion is answered by the model at `url`, whatever is asked."""
    models = ROOT / "var" / "models"
    models.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True)
    (home / "models").symlink_to(models)
    made = load_settings(home=home, model_url=url, **settings)
    with open_pipeline(made) as pipeline:
        pipeline.run(folder_source(pipeline, ROOT / "docs"))
    services = open_services(made)
    service = ReleaseService(services)
    changes = {
        "generator.kind": "llm",
        "generator.base_model": model,
        "generator.sampling.temperature": "0",
        "guards.abstention.threshold": "0",
    }
    release = service.create(SOMEONE, changes=changes)
    service.promote(release.id, SOMEONE, reason="a benchmark", override=True)
    services.close()
    return made


def variables(url: str, **settings: object) -> dict[str, str]:
    """The same settings, for a server process."""
    return {"RAGLOOP_MODEL_URL": url, **{f"RAGLOOP_{name.upper()}": str(value) for name, value in settings.items()}}


def questions(services: Services, collection: str, count: int) -> list[str]:
    """Questions that name what a passage is about."""
    chunks = (stored.chunk for stored, _ in services.index.scroll(collection))
    names = dict.fromkeys(chunk.heading_path[-1] if chunk.heading_path else chunk.title for chunk in chunks)
    return [f"What do the documents say about {name}?" for name in islice(names, count)]


async def prompts(settings: Settings, model: str, count: int, max_tokens: int) -> list[Asked]:
    """The questions that the champion lets its model answer, with the messages that it sends."""
    services = open_services(settings)
    champion = ReleaseRepository(services.database).champion()
    assert champion is not None
    answerer = build_answerer(services, champion, recorded=False)
    reference = champion.manifest.prompts["answer"]
    prompt = load_prompts()["answer"][reference.version]
    found = []
    for question in questions(services, champion.manifest.collection.name, 3 * count):
        answer = await answerer.ask(Question(question, AccessScope.of("public"), origin="probe"))
        if answer.abstained or answer.model is None:
            continue
        messages = prompt_messages(prompt, question, answer.retrieval.passages[: answer.model.passages])
        turns = [{"role": message.role, "content": message.content} for message in messages]
        body = {
            "model": model,
            "messages": turns,
            "stream": True,
            "temperature": 0,
            "max_completion_tokens": max_tokens,
        }
        found.append(Asked(question, body))
    services.close()
    if not found:
        raise AssertionError("the model answers none of the questions")
    return found[:count]


async def stream(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> Streamed:
    """Ask, and read the stream to its end. What is not a whole answer written by the model is an error."""
    asked, last = time.perf_counter(), 0.0
    found, gaps, tail = Streamed(), [], b""
    try:
        async with client.stream("POST", url, json={**body, "stream": True}) as response:
            if response.status_code != 200:
                return Streamed(error=f"status {response.status_code}")
            async for raw in response.aiter_raw():
                now = time.perf_counter()
                tail = tail[-2000:] + raw
                if raw.count(FIRST_TEXT) > raw.count(_NO_TEXT):
                    found.first_text = found.first_text or now - asked
                    if last:
                        gaps.append(now - last)
                    last = now
    except httpx.HTTPError as error:
        return Streamed(error=type(error).__name__)
    found.whole, found.gaps = time.perf_counter() - asked, tuple(gaps)
    found.error = _wrong(tail, found)
    return found


def _wrong(tail: bytes, found: Streamed) -> str:
    if not tail.rstrip().endswith(b"data: [DONE]"):
        return "the stream ended early"
    if b'"degraded":true' in tail:
        return "the answer is extractive"
    return "" if found.first_text else "no text"
