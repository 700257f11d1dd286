"""How long a command's help and a ready server take, from the start of the process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.settings import Settings, child_environment
from tests.benchmarks.figures import spread
from tests.benchmarks.search import server


def measure(settings: Settings, rounds: int) -> dict[str, Any]:
    """Seconds of `ragloop --help` and of `ragloop serve` until ready, in turn."""
    ragloop = str(Path(sys.executable).with_name("ragloop"))
    helps, ready = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([ragloop, "--help"], env=child_environment(), capture_output=True, check=True)
        helps.append(time.perf_counter() - started)
        started = time.perf_counter()
        with server(settings):
            ready.append(time.perf_counter() - started)
    return {"help_seconds": spread(helps), "server_ready_seconds": spread(ready)}
