"""`python -m tests.benchmarks.votes`: votes while the server is killed, its disk is full, its database is locked.

People vote over HTTP, each vote under a key of its own, and send a vote again until it is acknowledged, as the page does.
In the end every acknowledged vote must be in the database, as it was sent, and none twice.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

from core.settings import child_environment, load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.loop.feedback import FeedbackRepository
from core.types import PUBLIC, Role
from loop.feedback.votes import MOST_PER_DAY
from tests.benchmarks import machine
from tests.benchmarks.run import ROOT, save
from tests.support.ports import free_port
from tests.support.recorded_answers import recorded_answer

PEOPLE = 4


class VoteServer:
    """The server at one address, through all its lives."""

    def __init__(self, home: Path) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "tests.benchmarks.vote_server", str(home), str(port)]
        self._lives: IO[str] | None = None
        self._child = 0

    @contextmanager
    def running(self) -> Iterator[VoteServer]:
        with subprocess.Popen(
            self._command, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        ) as parent:  # fmt: skip
            try:
                self._lives = parent.stdout
                self.wait()
                yield self
            finally:
                os.killpg(parent.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait until the next life answers."""
        assert self._lives is not None
        self._child = int(self._lives.readline())
        _wait(self._answers, "the server to start")

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self._child, signal.SIGKILL)

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/healthz").is_success
        return False


@dataclass
class Voters:
    """People who vote until they are told to stop, each vote until it is acknowledged."""

    address: str
    people: list[tuple[str, str]]  # API keys, and an answer of each
    acknowledged: dict[int, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer came
    troubles: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _next: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def voting(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._vote_on) for _ in range(PEOPLE)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()

    def _vote_on(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self.stopped.is_set():
                self.vote(client, next(self._next))

    def vote(self, client: httpx.Client, number: int) -> None:
        """Send this vote until it is acknowledged."""
        while number not in self.acknowledged:
            status, found = self.send(client, number)
            self.statuses[status] += 1
            if status in (200, 201):
                self.acknowledged[number] = found
            elif status in (0, 503):
                time.sleep(0.05)
            else:
                self.troubles.append(f"vote {number} was answered with {status}: {found}")
                return

    def send(self, client: httpx.Client, number: int) -> tuple[int, str]:
        """(status, id or what was said) of sending this vote once."""
        key, answer = self.people[number // MOST_PER_DAY]
        body = {"interaction_id": answer, "vote": "down", "comment": f"Vote {number}"}
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"vote-{number}"}
        try:
            response = client.post(f"{self.address}/v1/feedback", json=body, headers=headers)
        except httpx.HTTPError as error:
            return 0, repr(error)
        return response.status_code, response.json()["id"] if response.is_success else response.text


def prepare(home: Path, votes: int) -> list[tuple[str, str]]:
    """People enough for so many votes, with an answer each."""
    people = []
    with closing(Database.open(load_settings(home=home))) as database:
        for number in range(votes // MOST_PER_DAY + 1):
            key, text = ApiKeyRepository(database).create(f"Person {number}", (PUBLIC,), None, [Role.CHAT])
            people.append((text, recorded_answer(database, api_key_id=key.id)))
    return people


def kills(home: Path, times: int, seed: int = 7) -> dict[str, Any]:
    """Kill the server so many times, at random moments while votes come in."""
    chance = random.Random(seed)
    server = VoteServer(home)
    voters = Voters(server.address, prepare(home, 200 * times + 1000))
    with server.running(), voters.voting():
        for _ in range(times):
            _wait_for_votes(voters, 3)
            time.sleep(chance.uniform(0, 0.3))
            server.kill()
            server.wait()
        _wait_for_votes(voters, 3)
    return {"kills": times, **outcome(home, voters)}


def full_disk(mount: Path) -> dict[str, Any]:
    """Fill the disk that is mounted there until votes are refused; then make room again."""
    home = mount / "home"
    server = VoteServer(home)
    voters = Voters(server.address, prepare(home, 5000))
    with server.running(), voters.voting():
        _wait_for_votes(voters, 20)
        _fill(mount / "filler")
        _wait(lambda: voters.statuses[503] >= 20, "votes to be refused")
        (mount / "filler").unlink()
        _wait_for_votes(voters, 20)
    return outcome(home, voters)


def locked(home: Path) -> dict[str, Any]:
    """Lock the database while votes come in, until requests have waited so long that they give up; then free it."""
    server = VoteServer(home)
    voters = Voters(server.address, prepare(home, 5000))
    with server.running(), voters.voting():
        _wait_for_votes(voters, 20)
        with closing(sqlite3.connect(home / "ragloop.db", timeout=60, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            _wait(lambda: voters.statuses[503] > 0, "votes to be refused")
            other.execute("ROLLBACK")
        _wait_for_votes(voters, 20)
    return outcome(home, voters)


def outcome(home: Path, voters: Voters) -> dict[str, Any]:
    """What is in the database, held against what was acknowledged."""
    with closing(Database.open(load_settings(home=home))) as database:
        stored = FeedbackRepository(database).since()
    by_comment = {vote.comment: vote.id for vote in stored}
    lost = [n for n, found in voters.acknowledged.items() if by_comment.get(f"Vote {n}") != found]
    return {
        "acknowledged": len(voters.acknowledged),
        "stored": len(stored),
        "lost": len(lost),
        "doubled": len(stored) - len(by_comment),
        "stored_before_their_acknowledgement_was_lost": voters.statuses[200],
        "refused": voters.statuses[503],
        "without_an_answer": voters.statuses[0],
        "troubles": voters.troubles,
    }


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"\0" * 512)


def _wait_for_votes(voters: Voters, more: int) -> None:
    wanted = len(voters.acknowledged) + more
    _wait(lambda: len(voters.acknowledged) >= wanted, "votes to be acknowledged")


def _wait(done: Any, what: str) -> None:
    deadline = time.monotonic() + 120
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited too long for {what}.")
        time.sleep(0.01)


@contextmanager
def small_disk() -> Iterator[Path]:
    """A disk of its own of a few megabytes, which only root can mount."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True, capture_output=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine.describe()}
    with tempfile.TemporaryDirectory() as folder:
        result["killed"] = kills(Path(folder) / "killed", options.kills)
        print(json.dumps(result["killed"]), flush=True)
        result["locked"] = locked(Path(folder) / "locked")
        print(json.dumps(result["locked"]), flush=True)
    if os.geteuid() == 0:
        with small_disk() as mount:
            result["full_disk"] = full_disk(mount)
        print(json.dumps(result["full_disk"]), flush=True)
    save(result)


if __name__ == "__main__":
    main()
