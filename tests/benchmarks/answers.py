"""Whole answers quoted from the documents, asked over HTTP: by one person for the first time and again, and by eight.

The floor of a first answer is what cannot be left out of it: the question and the sentences of the passages that are
read, embedded in this process. The server reads ahead while it is idle; so early questions find less read than late
ones, and what is called first here is a question's first answer, whether or not another one had its passages read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx

from core.ports import Embedder
from core.settings import Settings
from core.types import AccessScope
from serving.answerer import Answerer
from serving.factory import open_services
from serving.grounding.evidence import statements
from serving.releases.champion import Champion
from tests.benchmarks.figures import spread
from tests.benchmarks.search import server

PEOPLE = 8
_WARMING = 6


def measure(settings: Settings, asked: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of answers and of their floor, in turn; then answers a second for eight people. The second half of
    the questions is theirs."""
    alone, together = asked[: len(asked) // 2], asked[len(asked) // 2 :]
    services = open_services(settings)
    answerer = Champion(services).answerer()
    embedder = services.embedder_for(answerer.release.manifest.collection)
    first, again, floor = [], [], []
    with server(settings) as (base, _), httpx.Client(base_url=base, timeout=60) as client:
        for number, question in enumerate(alone):
            times = (_answered(client, question), _answered(client, question), _floor(answerer, embedder, question))
            if number >= _WARMING:
                for kept, seconds in zip((first, again, floor), times, strict=True):
                    kept.append(seconds * 1000)
        rate = _rate(base, together)
    services.close()
    return {
        "first_ms": spread(first),
        "again_ms": spread(again),
        "floor_ms": spread(floor),
        "first_over_floor": spread([one / other for one, other in zip(first, floor, strict=True)]),
        "people": PEOPLE,
        "answers_per_second": round(rate, 1),
    }


def _answered(client: httpx.Client, question: str) -> float:
    """Seconds to the whole answer."""
    started = time.perf_counter()
    message = {"role": "user", "content": question}
    client.post("/v1/chat/completions", json={"model": "ragloop", "messages": [message]}).raise_for_status()
    return time.perf_counter() - started


def _floor(answerer: Answerer, embedder: Embedder, question: str) -> float:
    """Seconds to embed the question, as one nobody asked, and all that is read for it."""
    release = answerer.release.manifest
    passages = answerer.retriever.retrieve(question, AccessScope.everything()).passages[: release.reading.passages]
    language = release.collection.language
    texts = [
        passage.chunk.text[start - passage.chunk.start : end - passage.chunk.start]
        for passage in passages
        for start, end in statements(passage.chunk, language)
    ]
    started = time.perf_counter()
    embedder.embed_question(f"{question} ")
    embedder.embed(texts)
    return time.perf_counter() - started


def _rate(base: str, questions: Sequence[str]) -> float:
    """Answers a second while so many people ask, each a next question when the last one is answered."""
    left = iter(questions)
    taking = threading.Lock()

    def ask_on() -> None:
        with httpx.Client(base_url=base, timeout=60) as client:
            while True:
                with taking:
                    question = next(left, None)
                if question is None:
                    return
                _answered(client, question)

    people = [threading.Thread(target=ask_on) for _ in range(PEOPLE)]
    started = time.perf_counter()
    for person in people:
        person.start()
    for person in people:
        person.join()
    return len(questions) / (time.perf_counter() - started)
