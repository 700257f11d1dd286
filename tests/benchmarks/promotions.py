"""`python -m tests.benchmarks.promotions`: promotions and rollbacks while people ask.

Two server processes over two real collections are asked by several clients at once, one request in four streamed, while
this process promotes and rolls back. Every answer is then looked up: the release it names, the collection of that
release, and whether each of its passages lies in it as recorded. A flip is seen when no request that is sent later is
answered by the release before.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from core.release import Release
from core.settings import Settings, load_settings
from core.storage.interactions import InteractionRepository
from core.storage.releases import ReleaseRepository
from core.telemetry import configure_logging
from core.types import Actor, Role
from ingestion.factory import folder_source, open_pipeline
from ingestion.rebuild.factory import Changes, open_rebuild
from serving.factory import Services, open_services
from serving.releases.service import ReleaseService
from tests.benchmarks import machine
from tests.benchmarks.figures import spread
from tests.benchmarks.run import HANDBOOK, ROOT, save
from tests.benchmarks.search import server

PEOPLE = 8
SERVERS = 2
OTHER_CHUNK_TOKENS = 96
SOMEONE = Actor("a benchmark", frozenset(Role))


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: to which server, when it was sent and answered (seconds since the epoch), and what came.

    `error` is empty, or says what was wrong with the response."""

    server: int
    sent: float
    answered: float
    error: str
    release: str = ""
    interaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Flip:
    """One promotion or rollback: what answers from then on, when it was written, and how long the call took."""

    deed: str
    release: str
    at: float
    seconds: float


@dataclass
class Traffic:
    """Requests that people send, one after another each, until `wanted` are answered."""

    addresses: Sequence[str]
    questions: Sequence[str]
    wanted: int
    asked: list[Asked] = field(default_factory=list)
    _next: Iterator[int] = field(default_factory=itertools.count)

    def run_beside(self, deed: Any) -> None:
        """Send all requests, running `deed` meanwhile in this thread."""
        people = [threading.Thread(target=self._ask_on) for _ in range(PEOPLE)]
        for person in people:
            person.start()
        try:
            deed()
        finally:
            for person in people:
                person.join()

    def _ask_on(self) -> None:
        with httpx.Client(timeout=60) as client:
            while (number := next(self._next)) < self.wanted:
                self.asked.append(self._ask(client, number))

    def _ask(self, client: httpx.Client, number: int) -> Asked:
        at = number % len(self.addresses)
        message = {"role": "user", "content": self.questions[number % len(self.questions)]}
        body = {"model": "ragloop", "messages": [message], "stream": number % 4 == 0}
        sent = time.time()
        try:
            response = client.post(f"{self.addresses[at]}/v1/chat/completions", json=body)
            response.raise_for_status()
            said = _objects(response.text) if body["stream"] else [response.json()]
            (release,) = {each["release"] for each in said if "release" in each}
            (interaction,) = {each["interaction_id"] for each in said if "interaction_id" in each}
        except (httpx.HTTPError, ValueError) as error:  # also where there is no release, or more than one
            return Asked(at, sent, time.time(), f"{type(error).__name__}: {error}"[:300])
        return Asked(at, sent, time.time(), "", release, interaction)


def prepare(home: Path, models: Path, folder: Path) -> tuple[Settings, Release]:
    """An installation with the folder's documents in two collections: a champion over one, a candidate over the
    other."""
    home.mkdir(parents=True)
    (home / "models").symlink_to(models.absolute())
    settings = load_settings(home=home)
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, folder))
    with open_rebuild(settings, Changes(chunk_tokens=OTHER_CHUNK_TOKENS)) as rebuild:
        rebuild.run()
        collection = rebuild.spec.name
    services = open_services(settings)
    candidate = ReleaseService(services).create(SOMEONE, changes={"collection": collection})
    services.close()
    return settings, candidate


def measure(settings: Settings, candidate: Release, requests: int, flips: int) -> dict[str, Any]:
    """Promote the candidate and roll it back, `flips` times in all, spread over so many requests."""
    services = open_services(settings)
    questions = list(islice(_headings(services), 200))
    with ExitStack() as servers:
        addresses = [servers.enter_context(server(settings))[0] for _ in range(SERVERS)]
        traffic = Traffic(addresses, questions, requests)
        done: list[Flip] = []
        started = time.perf_counter()
        traffic.run_beside(lambda: _flip_now_and_then(services, candidate, traffic, flips, done))
        seconds = time.perf_counter() - started
    try:
        return {
            "requests": len(traffic.asked),
            "seconds": round(seconds, 1),
            "servers": SERVERS,
            "flips": len(done),
            "errors": [each.error for each in traffic.asked if each.error],
            "wrong_answers": _wrong(services, [each for each in traffic.asked if not each.error]),
            "answers_by_release": _counts(traffic.asked),
            "response_ms": spread([(each.answered - each.sent) * 1000 for each in traffic.asked]),
            "seen_after_seconds": {
                deed: spread([_seen_after(flip, done, traffic.asked, at) for flip in done if flip.deed == deed
                              for at in range(SERVERS)])
                for deed in ("promote", "rollback")
            },
            "call_seconds": {
                deed: spread([flip.seconds for flip in done if flip.deed == deed]) for deed in ("promote", "rollback")
            },
        }  # fmt: skip
    finally:
        services.close()


def _flip_now_and_then(services: Services, candidate: Release, traffic: Traffic, flips: int, done: list[Flip]) -> None:
    service = ReleaseService(services)
    for number in range(flips):
        while len(traffic.asked) < (number + 1) * traffic.wanted // (flips + 1):
            time.sleep(0.01)
        deed = "rollback" if number % 2 else "promote"
        started = time.perf_counter()
        if deed == "promote":
            release = service.promote(candidate.id, SOMEONE, reason="a benchmark", override=True)
        else:
            release = service.rollback(SOMEONE, reason="a benchmark")
        seconds = time.perf_counter() - started
        done.append(Flip(deed, release.id, service.history(release.id)[-1].at.timestamp(), round(seconds, 3)))


def _seen_after(flip: Flip, flips: Sequence[Flip], asked: Sequence[Asked], at: int) -> float:
    """Seconds after the flip at which the server was last sent a request that another release answered; 0 if none.

    What was answered after the next flip tells nothing: with two releases, the next is the one before.
    """
    until = min((other.at for other in flips if other.at > flip.at), default=float("inf"))
    stale = [
        each.sent - flip.at
        for each in asked
        if not each.error
        and each.server == at
        and flip.at < each.sent
        and each.answered < until
        and each.release != flip.release
    ]
    return max(stale, default=0.0)


def _wrong(services: Services, answered: Sequence[Asked]) -> list[str]:
    """What is wrong with the answers, by what is on record of them."""
    releases = {release.id: release for release in ReleaseRepository(services.database).all()}
    places = {
        release.manifest.collection.name: _places(services, release.manifest.collection.name)
        for release in releases.values()
    }
    interactions = InteractionRepository(services.database)
    found = []
    for each in answered:
        record = interactions.get(each.interaction_id)
        if record is None or record.release_id != each.release or each.release not in releases:
            found.append(f"{each.interaction_id}: not on record as an answer of {each.release}")
            continue
        collection = releases[each.release].manifest.collection.name
        if record.collection != collection:
            found.append(f"{each.interaction_id}: from {record.collection}, not from {collection}")
        if not record.passages or any(_place(passage) not in places[collection] for passage in record.passages):
            found.append(f"{each.interaction_id}: a passage is not in {collection}")
    return found


def _places(services: Services, collection: str) -> set[tuple[Any, ...]]:
    # Both collections number a document's chunks alike, so an id alone does not tell them apart: its span does.
    chunks = (stored.chunk for stored, _ in services.index.scroll(collection))
    return {(chunk.id, chunk.start, chunk.end, chunk.text) for chunk in chunks}


def _place(passage: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(passage[name] for name in ("chunk_id", "start", "end", "text"))


def _counts(asked: Sequence[Asked]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in asked:
        found[each.release[:12]] = found.get(each.release[:12], 0) + 1
    return found


def _headings(services: Services) -> Iterator[str]:
    champion = ReleaseRepository(services.database).champion()
    assert champion is not None
    for stored, _ in services.index.scroll(champion.manifest.collection.name):
        yield f"What about {stored.chunk.heading_path[-1] if stored.chunk.heading_path else stored.chunk.title}?"


def _objects(stream: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HANDBOOK if HANDBOOK.is_dir() else ROOT / "docs")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--flips", type=int, default=20)
    chosen = parser.parse_args()
    configure_logging("warning")
    models = ROOT / "var" / "models"
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        settings, candidate = prepare(Path(scratch) / "home", models, chosen.folder)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(),
            "folder": chosen.folder.name,
            "promotions": measure(settings, candidate, chosen.requests, chosen.flips),
        }
    save(result)


if __name__ == "__main__":
    main()
