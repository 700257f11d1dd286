"""Releases, the champion pointer, and the audit trail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError, ReleaseUnavailableError
from core.release import Release, ReleaseEvent, ReleaseEventKind, ReleaseManifest, ReleaseStatus
from core.storage.database import Database
from core.storage.tables import pointers, release_events, releases

CHAMPION = "champion"
_ID = re.compile(r"[0-9a-f]{1,64}")


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides, why, and on which report."""

    actor: str
    reason: str = ""
    evaluation_id: str | None = None


class ReleaseRepository:
    """Stored manifests. What was stored never changes but for its status, and each change leaves an event.

    Every change names what it saw before and is refused with ConflictError when that is no longer so, in the
    transaction that changes it: of two that collide, exactly one wins.
    """

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
        if not _ID.fullmatch(release_id):
            return None
        query = select(releases).where(releases.c.id.startswith(release_id)).limit(2)
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return _release(rows[0]) if len(rows) == 1 else None

    def all(self) -> list[Release]:
        """All releases, newest first."""
        with self._database.transaction() as connection:
            return [
                _release(row) for row in connection.execute(select(releases).order_by(releases.c.created_at.desc()))
            ]

    def events(self, release_id: str | None = None) -> list[ReleaseEvent]:
        """The audit trail of one release, or of all, oldest first."""
        query = select(release_events).order_by(release_events.c.id)
        if release_id is not None:
            query = query.where(release_events.c.release_id == release_id)
        with self._database.transaction() as connection:
            return [ReleaseEvent(**row._asdict()) for row in connection.execute(query)]

    def install_first(self, manifest: ReleaseManifest, actor: str, reason: str) -> Release:
        """Make `manifest` the champion if there is none yet, and return the champion there is.

        Two processes that start at once agree on one: the pointer's primary key lets only one insert through.
        """
        now = datetime.now(UTC)
        try:
            with self._database.transaction() as connection:
                connection.execute(insert(releases), _row(manifest, ReleaseStatus.CHAMPION, actor, now))
                connection.execute(insert(pointers), {"name": CHAMPION, "release_id": manifest.id, "changed_at": now})
                _note(connection, manifest.id, ReleaseEventKind.INSTALLED, Decision(actor, reason), now)
        except IntegrityError:
            pass  # someone else was first; theirs stands
        champion = self.champion()
        if champion is None:  # pragma: no cover - the insert above either succeeded or found one
            raise AssertionError("no champion after installing the first release")
        return champion

    def add_candidate(self, manifest: ReleaseManifest, decision: Decision, name: str = "") -> Release:
        """Store a new candidate. If it is there already, stored by someone else meanwhile, theirs stands."""
        now = datetime.now(UTC)
        try:
            with self._database.transaction() as connection:
                connection.execute(insert(releases), _row(manifest, ReleaseStatus.CANDIDATE, decision.actor, now, name))
                _note(connection, manifest.id, ReleaseEventKind.CREATED, decision, now)
        except IntegrityError:
            pass
        return self._stored(manifest.id)

    def decide(self, seen: Release, event: ReleaseEventKind, status: ReleaseStatus, decision: Decision) -> Release:
        """Record an event of the release as it was `seen`, and give it `status`. The pointer stays."""
        now = datetime.now(UTC)
        with self._database.transaction() as connection:
            _set_status(connection, seen.id, seen.status, status)
            _note(connection, seen.id, event, decision, now)
        return self._stored(seen.id)

    def promote(self, seen: Release, champion: Release, decision: Decision, *, override: bool = False) -> Release:
        """Put `seen` in the place of `champion`, which retires."""
        event = ReleaseEventKind.OVERRIDDEN if override else ReleaseEventKind.PROMOTED
        return self._switch(champion, ReleaseEventKind.REPLACED, seen, event, decision)

    def roll_back(self, champion: Release, seen: Release, decision: Decision) -> Release:
        """Put `seen` back in the place of `champion`, which retires."""
        return self._switch(champion, ReleaseEventKind.ROLLED_BACK, seen, ReleaseEventKind.RESTORED, decision)

    def _switch(
        self,
        leaving: Release,
        left: ReleaseEventKind,
        entering: Release,
        entered: ReleaseEventKind,
        decision: Decision,
    ) -> Release:
        now = datetime.now(UTC)
        flip = update(pointers).where(pointers.c.name == CHAMPION, pointers.c.release_id == leaving.id)
        with self._database.transaction() as connection:
            # First of all, so that SQLite takes its write lock before anything is read.
            if connection.execute(flip.values(release_id=entering.id, changed_at=now)).rowcount != 1:
                raise ConflictError(
                    "Another promotion or rollback came first.", hint="`ragloop release list` shows what answers now."
                )
            _set_status(connection, entering.id, entering.status, ReleaseStatus.CHAMPION)
            _set_status(connection, leaving.id, ReleaseStatus.CHAMPION, ReleaseStatus.RETIRED)
            _note(connection, leaving.id, left, decision, now)
            _note(connection, entering.id, entered, decision, now)
        return self._stored(entering.id)

    def _stored(self, release_id: str) -> Release:
        with self._database.transaction() as connection:
            return _release(connection.execute(select(releases).where(releases.c.id == release_id)).one())


def _set_status(connection: Connection, release_id: str, seen: ReleaseStatus, status: ReleaseStatus) -> None:
    """Also where nothing changes: it keeps other decisions on this release out until the transaction ends."""
    change = update(releases).where(releases.c.id == release_id, releases.c.status == seen.value)
    if connection.execute(change.values(status=status.value)).rowcount != 1:
        raise ConflictError(
            f"Someone else decided on release {release_id[:12]} first.",
            hint=f"`ragloop release history {release_id[:12]}` shows what happened.",
        )


def _note(connection: Connection, release_id: str, event: ReleaseEventKind, decision: Decision, now: datetime) -> None:
    row = {
        "release_id": release_id, "event": event.value, "actor": decision.actor, "reason": decision.reason,
        "evaluation_id": decision.evaluation_id, "at": now,
    }  # fmt: skip
    connection.execute(insert(release_events), row)


def _row(manifest: ReleaseManifest, status: ReleaseStatus, actor: str, now: datetime, name: str = "") -> dict[str, Any]:
    return {
        "id": manifest.id, "name": name, "status": status.value, "manifest": manifest.model_dump(mode="json"),
        "created_by": actor, "created_at": now,
    }  # fmt: skip


def _release(row: Row[Any]) -> Release:
    try:
        manifest = ReleaseManifest.model_validate(row.manifest)
    except ValidationError as error:
        raise ReleaseUnavailableError(
            f"Release {row.id[:12]} was made by a version of RAGLoop that writes other manifests.",
            hint="Run the same version everywhere.",
        ) from error
    return Release(
        id=row.id,
        name=row.name,
        status=ReleaseStatus(row.status),
        manifest=manifest,
        created_by=row.created_by,
        created_at=row.created_at,
    )
