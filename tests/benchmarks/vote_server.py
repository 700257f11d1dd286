"""`python -m tests.benchmarks.vote_server HOME PORT`: the real application over a real database, to be killed.

Each life is a process forked from this one, which has everything imported and nothing opened, so that the next life
begins at once; this one says its process id. Nothing is asked of it, so that a fake index and a fake embedder will do.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from app.server import create_app
from core.settings import load_settings
from core.storage.database import Database
from serving.factory import Services
from tests.fakes import FakeEmbedder, InMemoryIndex


def live(home: Path, port: int) -> None:
    """One life of the server."""
    logging.disable()  # what is refused is counted by those who vote
    settings = load_settings(home=home, environment="production")
    services = Services(settings, Database.open(settings), InMemoryIndex(), FakeEmbedder())
    config = uvicorn.Config(create_app(settings, services), log_config=None, ws="none")
    uvicorn.Server(config).run(sockets=[socket.create_server(("127.0.0.1", port))])


def main(home: Path, port: int) -> None:
    while True:
        child = os.fork()
        if child == 0:
            live(home, port)
            return
        print(child, flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
