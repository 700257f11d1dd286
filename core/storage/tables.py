"""The tables, as SQLAlchemy Core knows them. Alembic's migrations build them; a test holds the two equal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
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
    UniqueConstraint,
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
    Column("personal_data", String(20), nullable=False, server_default="keep"),
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
    # Of the message that it came with.
    Column("date", Date),
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
    # What of the file is not in the text, in a sentence: such a document is partial.
    Column("missing", Text, nullable=False, server_default=""),
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
    Column("name", String(80), nullable=False, server_default=""),
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
    # The report that the decision was based on.
    Column("evaluation_id", String(36), ForeignKey("evaluations.id")),
    _utc("at"),
)

# Every prompt that a release or an evaluation used, as it was then: its text cannot change any more, and what becomes
# of its file harms nobody. `origin` is the commit and path of a file in a Git repository.
prompt_ledger = Table(
    "prompt_ledger",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("origin", JSON(none_as_null=True)),
    _utc("at"),
)

# Where the weights of an embedder lie that some collection was built with.
embedders = Table(
    "embedders",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("location", Text, nullable=False),
    _utc("added_at"),
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
    # What a served model did for the answer, if one wrote it, and the price of its tokens, if prices are set.
    Column("model", JSON(none_as_null=True)),
    Column("cost", Float),
    # Of RAGLoop's own words in it, by its code. Before there was a choice they were English.
    Column("language", String(20), nullable=False, server_default="en"),
    Index("ix_interactions_at", "at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("access", JSON, nullable=False),
    Column("roles", JSON, nullable=False),
    # The key that this one replaces, which goes on working until it expires.
    Column("replaces", String(36)),
    _utc("created_at"),
    _utc("expires_at", nullable=True),
    _utc("revoked_at", nullable=True),
)

# Browsers that signed in with a key. The cookie holds a token of its own, of which only the hash is stored.
sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("api_key_id", String(36), ForeignKey("api_keys.id"), nullable=False, index=True),
    _utc("created_at"),
    _utc("expires_at"),
)

# ---------------------------------------------------------------- evaluation

# Cases by what they say, so that a dataset's versions share the cases that did not change.
evaluation_cases = Table(
    "evaluation_cases",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", JSON, nullable=False),
)

# A version, once stored, never changes. `cases` lists the hashes of its cases in order.
dataset_versions = Table(
    "dataset_versions",
    metadata,
    Column("dataset", String(200), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("cases", JSON, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    _utc("created_at"),
)

# Cases that a program proposed and a person has yet to accept into a dataset.
case_drafts = Table(
    "case_drafts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("dataset", String(200), nullable=False, index=True),
    Column("content", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("decided_by", String(200)),
    _utc("created_at"),
    _utc("decided_at", nullable=True),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("release_id", String(64), ForeignKey("releases.id"), nullable=False, index=True),
    Column("baseline_id", String(64), ForeignKey("releases.id")),
    Column("dataset", String(200), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("dataset_sha256", String(64), nullable=False),
    Column("configuration", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("verdict", String(20)),
    # Whether the release may be approved on this report.
    Column("passes", Boolean),
    Column("report", JSON),
    Column("error", Text),
    Column("created_by", String(200), nullable=False),
    _utc("created_at"),
    _utc("finished_at", nullable=True),
)

# Which answer an evaluation read for a case, on its candidate's and on its baseline's side.
evaluation_rows = Table(
    "evaluation_rows",
    metadata,
    Column("evaluation_id", String(36), ForeignKey("evaluations.id"), primary_key=True),
    Column("side", String(20), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("case_sha256", String(64), ForeignKey("evaluation_cases.sha256"), nullable=False),
    Column("answer_id", String(64), nullable=False),
)

# The ledger: one row for each answer a release gave to a case, and one for each score of an answer, be it scored,
# failed with its reason, or skipped. Rows are shared by all evaluations that need them.
evaluation_answers = Table(
    "evaluation_answers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("release_id", String(64), nullable=False, index=True),
    Column("case_sha256", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("answer", JSON),
    Column("reason", Text, nullable=False),
    _utc("at"),
)

evaluation_scores = Table(
    "evaluation_scores",
    metadata,
    Column("answer_id", String(64), primary_key=True),
    Column("metric", String(100), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("score", Float),
    Column("reason", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    _utc("at"),
)

# ---------------------------------------------------------------- the loop

# Votes as they came. Rows are only ever added, and removed by an erasure. `interaction` is a snapshot of the answer.
feedback = Table(
    "feedback",
    metadata,
    Column("id", String(36), primary_key=True),
    _utc("at"),
    Column("author", String(200), nullable=False),
    Column("api_key_id", String(36)),
    Column("access", JSON(none_as_null=True)),
    Column("origin", String(20), nullable=False),
    Column("standing", String(20), nullable=False),
    Column("idempotency_key", String(200), nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("interaction_id", String(36), nullable=False, index=True),
    Column("release_id", String(64), nullable=False, index=True),
    Column("vote", String(10), nullable=False),
    Column("reason", String(30)),
    Column("comment", Text, nullable=False),
    Column("correction", Text, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("interaction", JSON, nullable=False),
    Index("ix_feedback_at", "at"),
    UniqueConstraint("author", "idempotency_key"),
)

# What a person made of a piece of feedback, once.
feedback_decisions = Table(
    "feedback_decisions",
    metadata,
    Column("feedback_id", String(36), ForeignKey("feedback.id"), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("side", String(20)),
    Column("content", JSON, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    _utc("at"),
)

# Why answers were bad. The newest of a subject stands.
diagnoses = Table(
    "diagnoses",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(120), nullable=False, index=True),
    _utc("at"),
    Column("release_id", String(64), nullable=False),
    Column("collection", String(200), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("question", Text, nullable=False),
    Column("cause", String(30), nullable=False),
    Column("certainty", Float, nullable=False),
    Column("summary", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("version", String(64), nullable=False),
    Index("ix_diagnoses_at", "at"),
)

trigger_firings = Table(
    "trigger_firings",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("trigger", String(100), nullable=False, index=True),
    Column("remedy", String(20), nullable=False),
    _utc("at"),
    Column("reason", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    _utc("changed_at"),
    Column("proposal", JSON, nullable=False),
    Column("release_id", String(64), ForeignKey("releases.id")),
    Column("detail", Text, nullable=False),
)

# That something was erased, when, by whom and how many rows of what; of what it was, only the hash.
erasures = Table(
    "erasures",
    metadata,
    Column("id", String(36), primary_key=True),
    _utc("at"),
    Column("actor", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("subject_sha256", String(64), nullable=False),
    Column("receipt", JSON, nullable=False),
)

# What every check of the triggers saw: how far each was from its threshold.
monitor_checks = Table(
    "monitor_checks",
    metadata,
    Column("id", String(36), primary_key=True),
    _utc("at"),
    Column("readings", JSON, nullable=False),
    Index("ix_monitor_checks_at", "at"),
)
