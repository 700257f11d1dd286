"""Every vector index that there is, for what all of them promise: the fake, the embedded one, and the server one in the
client's local mode. Set TEST_QDRANT_URL to try a real server as well."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from core.ports import VectorIndex
from tests.fakes import InMemoryIndex
from tests.support.indexed_documents import spec_for

SERVER_URL = os.environ.get("TEST_QDRANT_URL")
SPEC = spec_for("contract")
NAME = SPEC.name


def _in_memory(_: Path) -> VectorIndex:
    return InMemoryIndex()


def _edge(folder: Path) -> VectorIndex:
    from retrieval.indexes.edge import EdgeIndex

    return EdgeIndex(folder)


def _server_in_local_mode(folder: Path) -> VectorIndex:
    from qdrant_client import QdrantClient

    from retrieval.indexes.server import ServerIndex

    return ServerIndex(partial(QdrantClient, path=str(folder)), str(folder))


def _server(_: Path) -> VectorIndex:
    from retrieval.indexes.server import ServerIndex

    assert SERVER_URL is not None
    return ServerIndex.connect(SERVER_URL, None)


IMPLEMENTATIONS: dict[str, Callable[[Path], VectorIndex]] = {
    "in memory": _in_memory,
    "edge": _edge,
    "server, local mode": _server_in_local_mode,
    **({"server": _server} if SERVER_URL else {}),
}

# What the fake has none of: vectors' sizes, languages, stop words.
_REAL = {name: made for name, made in IMPLEMENTATIONS.items() if made is not _in_memory}
real_ones = pytest.mark.parametrize("index", _REAL.values(), ids=_REAL.keys(), indirect=True)
