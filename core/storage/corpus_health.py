"""How fresh and how whole the corpus is: by source, what a collection holds, what failed, when it was last read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from core.storage.database import Database
from core.storage.documents import allowed
from core.storage.tables import ingestion_runs, manifest, sources
from core.types import AccessScope, DocumentState


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """A source's documents in a collection by state, and when a run over the source last finished (None: never)."""

    source: str
    indexed: int
    pending: int
    failed: int
    ingested_at: datetime | None

    @property
    def empty(self) -> bool:
        """Whether the collection knows of no document of the source, so that its age tells nothing."""
        return not (self.indexed or self.pending or self.failed)


@dataclass(frozen=True, slots=True)
class FailedDocument:
    """A document that could not be read or stored, or not in whole (kind partial), and why."""

    uri: str
    source: str
    kind: str
    reason: str
    at: datetime


class CorpusHealthRepository:
    """Reads the manifest and the runs; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sources(self, collection: str | None) -> list[SourceHealth]:
        """Every source by name, as the collection holds it; None is no collection."""
        state = manifest.c.source, manifest.c.state
        held = select(*state, func.count().label("documents")).where(manifest.c.collection == collection)
        with self._database.transaction() as connection:
            counts = {(row.source, row.state): row.documents for row in connection.execute(held.group_by(*state))}
            known = set(connection.execute(select(sources.c.name)).scalars()) | {source for source, _ in counts}
        finished = self._finished(collection)
        return [
            SourceHealth(
                source,
                indexed=counts.get((source, DocumentState.INDEXED), 0),
                pending=counts.get((source, DocumentState.PENDING), 0),
                failed=counts.get((source, DocumentState.FAILED), 0),
                ingested_at=finished.get(source),
            )
            for source in sorted(known)
        ]

    def failures(self, collection: str | None, scope: AccessScope, limit: int) -> tuple[list[FailedDocument], int]:
        """The documents that failed or are partial and that `scope` allows, the latest first, and how many there are
        in all."""
        lacking = (manifest.c.state == DocumentState.FAILED) | (manifest.c.missing != "")
        failed = (manifest.c.collection == collection) & lacking
        kind = func.coalesce(manifest.c.failure_kind, "partial")
        reason = func.coalesce(manifest.c.failure_reason, manifest.c.missing)
        query = select(manifest.c.uri, manifest.c.source, kind, reason, manifest.c.changed_at).where(failed)
        with self._database.transaction() as connection:
            total = connection.execute(select(func.count()).where(failed)).scalar_one()
            query = query.where(allowed(connection, manifest.c.access, scope))
            rows = connection.execute(query.order_by(manifest.c.changed_at.desc(), manifest.c.uri).limit(limit)).all()
        return [FailedDocument(*row) for row in rows], total

    def _finished(self, collection: str | None) -> dict[str, datetime]:
        """When a run over each source last finished. Runs into this collection come first; one that was rebuilt out of
        another has none, and is as fresh as the runs before it that filled that one."""
        source, at = ingestion_runs.c.source, ingestion_runs.c.finished_at
        ours = ingestion_runs.c.collection == collection
        into = case((ours, 1), else_=0).label("ours")
        changed = select(manifest.c.source, func.max(manifest.c.changed_at).label("at"))
        filled = changed.where(manifest.c.collection == collection).group_by(manifest.c.source).subquery()
        before = ours | (at <= func.coalesce(filled.c.at, at))
        query = select(source, into, func.max(at).label("at")).where(ingestion_runs.c.state == "finished", before)
        query = query.outerjoin_from(ingestion_runs, filled, filled.c.source == source)
        with self._database.transaction() as connection:
            rows = connection.execute(query.group_by(source, into).order_by(into)).all()
        return {row.source: row.at for row in rows}
