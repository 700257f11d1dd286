"""Waiting for a `ragloop serve` that a walk-through or the demo has started."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request

from core.errors import UnavailableError

# Long enough for a slow machine's first start: converting the embedding model, opening the index.
READY_SECONDS = 120


def wait_until_ready(server: subprocess.Popen[bytes], base: str, where: str) -> None:
    """Return once the server at `base` is ready. Raises UnavailableError if it ends or takes too long; `where` tells
    people where its message is."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise UnavailableError("The web app did not start.", hint=where)
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise UnavailableError(f"The web app was not ready after {READY_SECONDS} seconds.", hint=where)
