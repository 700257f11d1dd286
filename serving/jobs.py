"""What the DAGs ask of the serving side, as functions of plain values: one call, one process."""

from __future__ import annotations

import logging

from core.settings import load_settings
from core.types import Actor, Role
from serving.factory import open_services
from serving.release_service import ReleaseService

_log = logging.getLogger(__name__)


def create_candidate(collection: str, actor: str, reason: str) -> str:
    """Make the champion's manifest, but with this index, a candidate; returns the release's id.

    `actor` is who goes on record; it may make candidates and nothing else. Raises RagloopError when the candidate
    cannot be served.
    """
    services = open_services(load_settings())
    try:
        maker = Actor(actor, frozenset({Role.REVIEW}))
        release = ReleaseService(services).create(maker, changes={"collection": collection}, reason=reason)
    finally:
        services.close()
    _log.info("candidate %s reads %s", release.id[:12], collection)
    return release.id
