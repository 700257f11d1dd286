"""evaluation, roles and sessions"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_drafts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("dataset", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_drafts")),
    )
    op.create_index(op.f("ix_case_drafts_dataset"), "case_drafts", ["dataset"])

    op.create_table(
        "dataset_versions",
        sa.Column("dataset", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("cases", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "version", name=op.f("pk_dataset_versions")),
    )
    op.create_table(
        "embedders",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_embedders")),
    )
    op.create_table(
        "evaluation_answers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("case_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_answers")),
    )
    op.create_index(op.f("ix_evaluation_answers_release_id"), "evaluation_answers", ["release_id"])

    op.create_table(
        "evaluation_cases",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_evaluation_cases")),
    )
    op.create_table(
        "evaluation_scores",
        sa.Column("answer_id", sa.String(length=64), nullable=False),
        sa.Column("metric", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", "metric", "version", name=op.f("pk_evaluation_scores")),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("baseline_id", sa.String(length=64), nullable=True),
        sa.Column("dataset", sa.String(length=200), nullable=False),
        sa.Column("dataset_version", sa.Integer(), nullable=False),
        sa.Column("dataset_sha256", sa.String(length=64), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("passes", sa.Boolean(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["baseline_id"], ["releases.id"], name=op.f("fk_evaluations_baseline_id")),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name=op.f("fk_evaluations_release_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_index(op.f("ix_evaluations_release_id"), "evaluations", ["release_id"])

    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("api_key_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_sessions_api_key_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_api_key_id"), "sessions", ["api_key_id"])

    op.create_table(
        "evaluation_rows",
        sa.Column("evaluation_id", sa.String(length=36), nullable=False),
        sa.Column("side", sa.String(length=20), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("case_sha256", sa.String(length=64), nullable=False),
        sa.Column("answer_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_sha256"], ["evaluation_cases.sha256"], name=op.f("fk_evaluation_rows_case_sha256")
        ),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name=op.f("fk_evaluation_rows_evaluation_id")),
        sa.PrimaryKeyConstraint("evaluation_id", "side", "ordinal", name=op.f("pk_evaluation_rows")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        # Keys made before there were roles could ask and search.
        batch_op.add_column(sa.Column("roles", sa.JSON(), nullable=False, server_default='["chat"]'))
        batch_op.add_column(sa.Column("replaces", sa.String(length=36), nullable=True))

    with op.batch_alter_table("release_events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("evaluation_id", sa.String(length=36), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_release_events_evaluation_id"), "evaluations", ["evaluation_id"], ["id"]
        )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.alter_column("roles", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("release_events", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_release_events_evaluation_id"), type_="foreignkey")
        batch_op.drop_column("evaluation_id")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_column("replaces")
        batch_op.drop_column("roles")
    op.drop_table("evaluation_rows")
    op.drop_table("sessions")
    op.drop_table("evaluations")
    op.drop_table("evaluation_scores")
    op.drop_table("evaluation_cases")
    op.drop_table("evaluation_answers")
    op.drop_table("embedders")
    op.drop_table("dataset_versions")
    op.drop_table("case_drafts")
