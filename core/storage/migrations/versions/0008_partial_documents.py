"""what of a document's file is not in its text"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("manifest", schema=None) as batch_op:
        batch_op.add_column(sa.Column("missing", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("manifest", schema=None) as batch_op:
        batch_op.drop_column("missing")
