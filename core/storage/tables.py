"""The tables, as SQLAlchemy Core knows them. Alembic's migrations build them; a test holds the two equal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite drops the zone on the way in, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _utc(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, UtcDateTime, nullable=nullable)


sources = Table(
    "sources",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("root", Text, nullable=False),
    _utc("seen_at"),
)

# The converted text of the version that is indexed (or about to be): what citations open.
documents = Table(
    "documents",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("uri", Text, nullable=False, unique=True),
    Column("source", String(200), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("format", String(20), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("converter_fingerprint", String(64), nullable=False),
    Column("access", JSON, nullable=False),
    Column("page_starts", JSON, nullable=False),
    Column("text", Text, nullable=False),
    _utc("converted_at"),
)

# What each collection holds of each document. A row in state `pending` was written before the index commit that it
# announces, so a run that was killed leaves a trace of every document it may have touched.
manifest = Table(
    "manifest",
    metadata,
    Column("collection", String(200), primary_key=True),
    Column("document_id", String(36), primary_key=True),
    Column("uri", Text, nullable=False),
    Column("source", String(200), nullable=False),
    Column("etag", String(200), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("converter_fingerprint", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("access", JSON, nullable=False),
    Column("failure_kind", String(20)),
    Column("failure_reason", Text),
    Column("run_id", String(200), nullable=False),
    _utc("changed_at"),
    Index("ix_manifest_collection_source", "collection", "source"),
)

ingestion_runs = Table(
    "ingestion_runs",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("source", String(200), nullable=False),
    Column("collection", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("report", JSON),
    _utc("started_at"),
    _utc("finished_at", nullable=True),
)

# Vectors by what they are vectors of, so that no text is embedded twice by the same embedder.
embedding_memo = Table(
    "embedding_memo",
    metadata,
    Column("embedder_fingerprint", String(64), primary_key=True),
    Column("text_sha256", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("status", String(20), nullable=False),
    Column("manifest", JSON, nullable=False),
    Column("created_by", String(200), nullable=False),
    _utc("created_at"),
)

# One row, `champion`: the only thing that promotion and rollback change.
pointers = Table(
    "pointers",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("release_id", String(64), ForeignKey("releases.id"), nullable=False),
    _utc("changed_at"),
)

release_events = Table(
    "release_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("release_id", String(64), ForeignKey("releases.id"), nullable=False, index=True),
    Column("event", String(50), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    _utc("at"),
)

interactions = Table(
    "interactions",
    metadata,
    Column("id", String(36), primary_key=True),
    _utc("at"),
    Column("origin", String(20), nullable=False),
    Column("api_key_id", String(36)),
    Column("release_id", String(64), nullable=False, index=True),
    Column("collection", String(200), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("question", Text, nullable=False),
    Column("history", JSON, nullable=False),
    Column("query", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("abstained", Boolean, nullable=False),
    Column("degraded", Boolean, nullable=False),
    Column("confidence", Float),
    Column("prompt", JSON, nullable=False),
    Column("passages", JSON, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("usage", JSON, nullable=False),
    Column("timings", JSON, nullable=False),
    Index("ix_interactions_at", "at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("access", JSON, nullable=False),
    _utc("created_at"),
    _utc("expires_at", nullable=True),
    _utc("revoked_at", nullable=True),
)
