"""Let the Rust services write a second original of a hash and a second running session, on SQLite.

Two unique indexes refused both, so that the Rust services failed at a copy of a known file, or at
an import beside another one. wkmp_orm's own connections enforce the two rules by TEMP triggers, and
its next import repairs duplicates. On PostgreSQL, which the Rust services do not use, the indexes
stay.

A downgrade is refused while two originals have the same hash, or two sessions run.

Revision: c29e5b7a4f60
Follows: 8a6c1f2d7e35
Written: 2026-11-30
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "c29e5b7a4f60"
down_revision = "8a6c1f2d7e35"
branch_labels = None
depends_on = None

ORIGINALS: Final = "uq_files__original_hash"
LOOK_UP: Final = "idx_files_originals"
RUNNING: Final = "uq_import_sessions__running"
IS_ORIGINAL: Final = sa.text("status <> 'DUPLICATE HASH' AND hash NOT IN ('', 'PENDING')")
IS_RUNNING: Final = sa.text("""state NOT IN ('"COMPLETED"', '"CANCELLED"', '"FAILED"')""")


def upgrade() -> None:
    """Drop the unique indexes, and create a plain one to look up originals."""
    if op.get_context().dialect.name != "sqlite":
        return
    op.drop_index(RUNNING, table_name="import_sessions")
    op.drop_index(ORIGINALS, table_name="files")
    op.create_index(LOOK_UP, "files", ["hash"], sqlite_where=IS_ORIGINAL)


def downgrade() -> None:
    """Create the unique indexes again."""
    if op.get_context().dialect.name != "sqlite":
        return
    op.drop_index(LOOK_UP, table_name="files")
    op.create_index(ORIGINALS, "files", ["hash"], unique=True, sqlite_where=IS_ORIGINAL)
    op.create_index(
        RUNNING, "import_sessions", [sa.text("(1)")], unique=True, sqlite_where=IS_RUNNING
    )
