"""What one server process answers with: opened behind the first requests, so that the server is up at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from core.errors import RagloopError, UnavailableError
from core.settings import Settings
from core.storage.database import Database
from serving.answerer import Answerer
from serving.factory import Services, open_services
from serving.llm.endpoint import Load
from serving.releases.champion import Champion

logger = logging.getLogger(__name__)

# How long a request that comes while the model is loading waits for it, before it is told to try again.
STARTUP_PATIENCE_SECONDS = 5.0
# Pause before a store that was down is tried again.
RETRY_SECONDS = 2.0


class AnswererSource(Protocol):
    """Whoever knows which Answerer answers now: serving.releases.champion.Champion."""

    def answerer(self) -> Answerer: ...


class Runtime:
    """The services of this process, and the champion over them. Handed services stay their owner's to close."""

    def __init__(
        self,
        settings: Settings,
        services: Services | None = None,
        champion: AnswererSource | None = None,
        opener: Callable[[Settings], Services] = open_services,
    ) -> None:
        self.settings = settings
        self.fatal: RagloopError | None = None
        self.when_fatal: Callable[[], None] = lambda: None
        self.when_open: Callable[[], None] = lambda: None
        self._opener = opener
        self._services: Services | None = None
        self._champion = champion
        self._unavailable: UnavailableError | None = None
        self._opened = asyncio.Event()
        self._owned = services is None
        if services is not None:
            self._use(services)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open in the background on the way in, follow the champion, close on the way out."""
        opening = asyncio.create_task(self._open_and_follow())
        try:
            yield
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            if isinstance(self._champion, Champion):
                await asyncio.to_thread(self._champion.close)
            if self._owned and self._services is not None:
                await asyncio.to_thread(self._services.close)

    async def services(self) -> Services:
        """The open services. Raises UnavailableError when they are not there within a few seconds."""
        if self._services is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._opened.wait(), STARTUP_PATIENCE_SECONDS)
        if self._services is None:
            raise self.fatal or self._unavailable or _starting()
        return self._services

    async def answerer(self) -> Answerer:
        """The champion's Answerer. Raises UnavailableError while nothing has been ingested."""
        await self.services()
        return await asyncio.to_thread(self.champion_answerer)

    def champion_answerer(self) -> Answerer:
        """The same for a thread; does not wait for the services."""
        if self._champion is None:
            raise self.fatal or self._unavailable or _starting()
        return self._champion.answerer()

    def state(self) -> Services | RagloopError:
        """The services if they are open, else what stands in the way; never waits."""
        return self._services or self.fatal or self._unavailable or _starting()

    def database(self) -> Database | None:
        """The database, once the services are open."""
        return self._services.database if self._services is not None else None

    def model_load(self) -> Load | None:
        """How busy the model endpoint is; None without one."""
        services = self._services
        return services.model_endpoint.load if services is not None and self.settings.model_url is not None else None

    def _use(self, services: Services) -> None:
        self._champion = self._champion or Champion(services)
        self._services = services
        self._opened.set()

    async def _open_and_follow(self) -> None:
        await self._open()
        if isinstance(self._champion, Champion):
            self._champion.follow()

    async def _open(self) -> None:
        while self._services is None:
            try:
                self._use(await asyncio.to_thread(self._open_and_warm))
            except UnavailableError as error:
                self._unavailable = error
                logger.warning("not ready yet: %s %s", error.message, error.hint)
                await asyncio.sleep(RETRY_SECONDS)
            except RagloopError as error:
                self.fatal = error
                self.when_fatal()
                return

    def _open_and_warm(self) -> Services:
        services = self._opener(self.settings)
        try:
            services.warm_up()
            self.when_open()
        except BaseException:
            services.close()
            raise
        return services


def _starting() -> UnavailableError:
    return UnavailableError("RAGLoop is still starting.", hint="Try again in a moment.", retry_after_seconds=2)
