"""Hybrid search in this process, and the same search through the HTTP API of a server, in turn."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from core.settings import Settings, child_environment
from core.types import AccessScope
from serving.factory import open_services
from serving.releases.champion import Champion
from tests.benchmarks.figures import spread
from tests.support.ports import free_port

_SEED = 11


def questions(folder: Path, count: int) -> list[str]:
    """Questions of the length people ask: runs of words out of the corpus, different every time, the same every run."""
    words = [word for path in sorted(folder.rglob("*.md"))[:200] for word in re.findall(r"[a-z]{3,}", path.read_text())]
    chance = random.Random(_SEED)
    return [" ".join(chance.choices(words, k=chance.randint(5, 12))) + "?" for _ in range(count)]


def measure(settings: Settings, asked: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of a search in process and over HTTP, interleaved, and the server's memory."""
    services = open_services(settings)
    retriever = Champion(services).answerer().retriever
    chunks = sum(services.index.chunk_counts(retriever.collection).values())
    local, remote = [], []
    with server(settings) as (base, process), httpx.Client(base_url=base) as client:
        for number, question in enumerate(asked):
            started = time.perf_counter()
            retriever.retrieve(question, AccessScope.everything())
            between = time.perf_counter()
            client.post("/v1/search", json={"query": question}).raise_for_status()
            ended = time.perf_counter()
            if number >= 20:  # the first ones warm caches on both sides
                local.append((between - started) * 1000)
                remote.append((ended - between) * 1000)
        memory = resident_mb(process.pid)
    services.close()
    return {
        "chunks": chunks,
        "in_process_ms": spread(local),
        "over_http_ms": spread(remote),
        "http_adds_ms": spread([one - other for one, other in zip(remote, local, strict=True)]),
        "server_resident_mb": memory,
    }


@contextmanager
def server(settings: Settings, **more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A `ragloop serve` process on a free loopback port, ready to answer; `more` are further RAGLOOP_ variables."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("ragloop")), "serve", "--port", str(port)]
    environment = child_environment(RAGLOOP_HOME=str(settings.home), RAGLOOP_LOG_LEVEL="warning", **more)
    process = subprocess.Popen(command, env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(base, process)
        yield base, process
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_until_ready(base: str, process: subprocess.Popen[bytes]) -> float:
    """Seconds until /readyz said yes."""
    started = time.perf_counter()
    while time.perf_counter() - started < 120:
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5) as response:
                json.load(response)
                return time.perf_counter() - started
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the server was not ready within two minutes")


def resident_mb(pid: int) -> float:
    """The memory that a process has in RAM."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return round(int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024, 1)
