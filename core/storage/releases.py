"""Releases, the champion pointer, and the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError

from core.release import Release, ReleaseManifest, ReleaseStatus
from core.storage.database import Database
from core.storage.tables import pointers, release_events, releases

CHAMPION = "champion"


class ReleaseRepository:
    """Stored manifests. What was stored never changes but for its status."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def champion(self) -> Release | None:
        """The release that answers now."""
        query = select(releases).join(pointers, pointers.c.release_id == releases.c.id)
        with self._database.transaction() as connection:
            row = connection.execute(query.where(pointers.c.name == CHAMPION)).first()
        return _release(row) if row else None

    def get(self, release_id: str) -> Release | None:
        """The release with this id, or whose id begins so; None if there is none or more than one."""
        query = select(releases).where(releases.c.id.startswith(release_id, autoescape=True)).limit(2)
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return _release(rows[0]) if len(rows) == 1 else None

    def all(self) -> list[Release]:
        """All releases, newest first."""
        with self._database.transaction() as connection:
            return [
                _release(row) for row in connection.execute(select(releases).order_by(releases.c.created_at.desc()))
            ]

    def install_first(self, manifest: ReleaseManifest, actor: str, reason: str) -> Release:
        """Make `manifest` the champion if there is none yet, and return the champion there is.

        Two processes that start at once agree on one: the pointer's primary key lets only one insert through.
        """
        now = datetime.now(UTC)
        row = {
            "id": manifest.id, "status": ReleaseStatus.CHAMPION.value, "manifest": manifest.model_dump(mode="json"),
            "created_by": actor, "created_at": now,
        }  # fmt: skip
        event = {"release_id": manifest.id, "event": "installed", "actor": actor, "reason": reason, "at": now}
        try:
            with self._database.transaction() as connection:
                connection.execute(insert(releases), row)
                connection.execute(insert(pointers), {"name": CHAMPION, "release_id": manifest.id, "changed_at": now})
                connection.execute(insert(release_events), event)
        except IntegrityError:
            pass  # someone else was first; theirs stands
        champion = self.champion()
        if champion is None:  # pragma: no cover - the insert above either succeeded or found one
            raise AssertionError("no champion after installing the first release")
        return champion


def _release(row: Row[Any]) -> Release:
    return Release(
        id=row.id,
        status=ReleaseStatus(row.status),
        manifest=ReleaseManifest.model_validate(row.manifest),
        created_by=row.created_by,
        created_at=row.created_at,
    )
