"""A lock between processes that says who holds it."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from core.errors import ConflictError

_POLL_SECONDS = 0.05


@contextmanager
def exclusive_lock(path: Path, purpose: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock file `path` for the duration of the block.

    The operating system releases it when its holder dies, so a killed process never leaves it locked; the file itself
    stays. Works between threads and between processes of one machine. Raises ConflictError, naming the holder, when
    `wait_seconds` have passed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, purpose, wait_seconds)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        holder = f"process {os.getpid()} on {socket.gethostname()} since {started}"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, purpose: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 500, 0).decode(errors="replace") or "another process"
                raise ConflictError(
                    f"Waited {wait_seconds:.0f} s to {purpose}, which {holder} is doing.",
                    hint="Wait until it has finished, or stop that process; then try again.",
                ) from None
            time.sleep(_POLL_SECONDS)
