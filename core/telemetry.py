"""Logging. One line an event, on standard error, so that standard output stays a command's result."""

from __future__ import annotations

import logging
import sys


def configure_logging(level: str) -> None:
    """Send log records of `level` (debug, info, warning, error) and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These announce every request or file at info; what they have to say at that level is noise here.
    for name in ("httpx", "httpcore", "urllib3", "filelock", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
