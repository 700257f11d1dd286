"""The person at this machine, who is put on record where no key says who acts."""

from __future__ import annotations

import getpass
import os

from core.types import Actor, Role


def local_actor() -> Actor:
    """Whoever runs this process, who may do everything."""
    return Actor(_name(), frozenset(Role))


def _name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"user {os.getuid()}"
