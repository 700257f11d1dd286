"""A port for a program that is started later and cannot choose one by itself."""

from __future__ import annotations

import secrets
import socket

# Below those that Linux gives to connections, 32768 and up: such a port may be taken by any connection between now and
# when the program listens on it, or while it is being started again.
_FROM, _UNTIL = 20_000, 32_768


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    while True:
        port = _FROM + secrets.randbelow(_UNTIL - _FROM)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
