"""The web application, and the process that serves it.

serve(load_settings())                    # what `ragloop serve` does
create_app(settings, services)            # in a test, over fakes
"""

from __future__ import annotations

import errno
import gc
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app import auth, error_responses
from app.api import (
    catalogue,
    chat,
    evaluations,
    feedback,
    releases,
    search,
)
from app.middleware import BodyLimit, RequestEnvelope
from app.monitoring import endpoints as operations
from app.monitoring.exposition import Metrics
from app.pages import sign_in
from app.pages.chat import page as chat_pages
from app.pages.chat import votes
from app.pages.documents import page as document_pages
from app.pages.feedback import page as feedback_pages
from app.pages.gaps import page as gaps
from app.pages.ops import page as ops
from app.pages.reviews import cases, decisions
from app.pages.reviews import page as reviews
from app.rule_files import check_rule_files
from app.runtime import AnswererSource, Runtime
from core.errors import ConflictError, SettingsError
from core.settings import Settings
from serving.factory import Services

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
# What requests in flight have left to finish when the server is told to stop.
GRACE_SECONDS = 10
# How many collections of what is middle-aged come before one of everything: Python's own number is 10.
_COLLECTIONS_BEFORE_ALL = 1000


def create_app(settings: Settings, services: Services | None = None, champion: AnswererSource | None = None) -> FastAPI:
    """The application. Without `services` it opens those that `settings` name, behind the first requests; without
    `champion` it answers with the champion release over them."""
    runtime = Runtime(settings, services, champion)
    metrics = Metrics(runtime.model_load, runtime.database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with runtime.running():
            yield

    # FastAPI's documentation pages load their scripts from a CDN; /openapi.json stays.
    app = FastAPI(title="RAGLoop", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.runtime = runtime
    app.state.metrics = metrics
    # The routes as they stand: to include a router builds each of them again, which takes a fifth of a second.
    for module in (chat, search, feedback, catalogue, releases, evaluations, operations):
        app.router.routes.extend(module.router.routes)
    for page in (chat_pages, votes, document_pages, cases, reviews, decisions, feedback_pages, gaps, ops, sign_in):
        app.router.routes.extend(page.router.routes)
    app.mount("/static", StaticFiles(directory=STATIC, packages=[("evals.report", "static")]), name="static")
    auth.check_roles(app)
    error_responses.install(app)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(RequestEnvelope, metrics=metrics)
    return app


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop.

    Raises InputError for a file of the gate or the triggers that says something impossible, ConflictError when the port
    is taken, SettingsError when the address cannot be used, and whatever keeps the services from opening for good.
    """
    import uvicorn

    check_rule_files(settings)
    listener = _listen(settings)
    app = create_app(settings)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=GRACE_SECONDS
    )
    server = uvicorn.Server(config)
    runtime: Runtime = app.state.runtime
    runtime.when_fatal = lambda: setattr(server, "should_exit", True)
    runtime.when_open = _keep_collections_short
    _exit_cleanly_on_signals()
    logger.info("RAGLoop is at %s", _address(listener))
    server.run(sockets=[listener])
    if runtime.fatal is not None:
        raise runtime.fatal


def _keep_collections_short() -> None:
    """Let the garbage collector leave alone what is loaded by now and stays. Looking through all of it takes half a
    second, in which no answer goes on, and many streams at once would bring that about every few seconds."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _COLLECTIONS_BEFORE_ALL)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host.strip("[]"), settings.port), family=family, backlog=512)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(
                f"Another program listens at {place}.",
                hint=f"Stop it, or choose another port: ragloop serve --port {settings.port + 1}.",
            ) from error
        raise SettingsError(
            f"The server cannot listen at {place}: {error.strerror or error}.",
            hint="Check RAGLOOP_HOST and RAGLOOP_PORT; ports below 1024 belong to the system.",
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _exit_cleanly_on_signals() -> None:
    """uvicorn shuts down on a signal and then raises it again: by then there is nothing left to do but end well."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: _end())


def _end() -> None:
    raise SystemExit(0)
