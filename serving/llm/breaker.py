"""The circuit breaker: a model server that fails again and again is not asked for a while. Pure, with a clock.

Questions are answered without the model while it is open, at once. One question in a few seconds is let through,
whether or not the one before it has come back: the first that the model begins to answer closes the breaker, so a
server that is back is used within those seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Failures in a row that open it: one may be chance, and each may cost a question its whole patience.
FAILURES = 3
# Seconds between questions that are let through while it is open; recovery is to take less than ten.
PROBE_SECONDS = 3.0


class Breaker:
    """What the last questions to one model server say about the next. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_probe: float | None = None  # None while it is closed

    @property
    def is_open(self) -> bool:
        """Whether the model server is taken to be down."""
        return self._next_probe is not None

    def refuses(self) -> bool:
        """Whether a question that came now would not be let through. Changes nothing."""
        probe = self._next_probe
        return probe is not None and self._clock() < probe

    def admit(self) -> bool:
        """Whether this question may ask the model: each while it is closed, now and then one while it is open."""
        with self._lock:
            if self.refuses():
                return False
            if self._next_probe is not None:
                self._next_probe = self._clock() + PROBE_SECONDS
            return True

    def heard(self) -> None:
        """The model has begun to answer. After an outage one more failure opens the breaker again."""
        with self._lock:
            if self._next_probe is not None:
                self._next_probe, self._failures = None, FAILURES - 1

    def succeeded(self) -> None:
        """The model has answered to the end."""
        with self._lock:
            self._next_probe, self._failures = None, 0

    def failed(self) -> None:
        """The model server was down or slow, or broke off."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES and self._next_probe is None:
                self._next_probe = self._clock() + PROBE_SECONDS
