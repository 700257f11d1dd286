"""Which Answerer answers now: the champion's, followed as the pointer moves."""

from __future__ import annotations

import threading
import time

from core.release import Release
from core.storage.documents import RunRepository
from core.storage.releases import ReleaseRepository
from serving.answerer import Answerer
from serving.factory import Services, build_answerer
from serving.releases import champion_or_first

# How long a process may go on answering with the previous champion after the pointer moved.
POINTER_CHECK_SECONDS = 1.0


class Champion:
    """The Answerer of whichever release is champion now, rebuilt when the pointer moves. Thread-safe."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._releases = ReleaseRepository(services.database)
        self._runs = RunRepository(services.database)
        self._lock = threading.Lock()
        self._answerer: Answerer | None = None
        self._checked = float("-inf")

    def answerer(self) -> Answerer:
        """Raises UnavailableError with a hint while nothing has been ingested."""
        with self._lock:
            if self._answerer is None or time.monotonic() - self._checked > POINTER_CHECK_SECONDS:
                release = self._current()
                if self._answerer is None or self._answerer.release.id != release.id:
                    self._answerer = build_answerer(self._services, release)
                self._checked = time.monotonic()
            return self._answerer

    def _current(self) -> Release:
        champion = self._releases.champion()
        if champion is not None:
            return champion
        index = self._services.index
        specs = {name: index.spec(name) for name in index.collections()}
        return champion_or_first(self._services.settings, self._releases, self._runs, specs)
