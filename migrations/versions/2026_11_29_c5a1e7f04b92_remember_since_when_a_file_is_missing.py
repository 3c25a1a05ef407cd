"""Store since when a file is missing, to distinguish the rows of missing files.

This adds a column, which the older services ignore, and a partial index on the few rows with a
value. No rows are rewritten: adding a nullable column takes no time on either database.

Revision: c5a1e7f04b92
Follows: 9b2f6c80e417
Written: 2026-11-29
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c5a1e7f04b92"
down_revision = "9b2f6c80e417"
branch_labels = None
depends_on = None

RFC3339 = sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
INDEX = "idx_files_missing_since"
IS_MISSING = sa.text("missing_since IS NOT NULL")


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("files", sa.Column("missing_since", RFC3339))
    op.create_index(
        INDEX,
        "files",
        ["missing_since"],
        sqlite_where=IS_MISSING,
        postgresql_where=IS_MISSING,
    )


def downgrade() -> None:
    """Drop both: the next import finds missing files again."""
    op.drop_index(INDEX, table_name="files")
    op.drop_column("files", "missing_since")
