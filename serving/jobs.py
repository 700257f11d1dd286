"""What the DAGs ask of the serving side, as functions of plain values: one call, one process."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from core.settings import load_settings
from core.types import Actor, Role
from serving.factory import open_services
from serving.releases.service import ReleaseService

_log = logging.getLogger(__name__)


def create_candidate(changes: Mapping[str, str], actor: str, reason: str) -> str:
    """Make the champion's manifest with these changes a candidate; returns the release's id.

    `changes` are as `ragloop release create --set` takes them, {"collection": "documents-1a2b3c4d"} and the like.
    `actor` is who goes on record; it may make candidates and nothing else. Raises RagloopError when the candidate
    cannot be served.
    """
    services = open_services(load_settings())
    try:
        maker = Actor(actor, frozenset({Role.REVIEW}))
        release = ReleaseService(services).create(maker, changes=changes, reason=reason)
    finally:
        services.close()
    _log.info("candidate %s: %s", release.id[:12], ", ".join(f"{path}={value}" for path, value in changes.items()))
    return release.id
