"""Find equal files and failures by an index, and take texts of any length on PostgreSQL.

- One look-up finds the oldest of thousands of equal files: `idx_files_hash` is ordered by age.
- Failures are found by path: the key of `import_failures` now begins with the path. It began with
  the session, and one session may have 100,000 rows if a disk fails.
- PostgreSQL refuses index entries of more than 2,704 bytes, and a path may have 4,096. So its
  indexes contain a digest of a path and the beginning of a title. A downgrade on PostgreSQL is
  refused while a longer path or title is stored.

Revision: 9b2f6c80e417
Follows: 3e8d51b7c904
Written: 2026-11-29
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "9b2f6c80e417"
down_revision = "3e8d51b7c904"
branch_labels = None
depends_on = None

FORMER_KEY = "uq_import_failures__session_id_path_phase"
KEY = "uq_import_failures__path_phase_session_id"

GUID = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")
RFC3339 = sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def rebuilding(*constraints: sa.Constraint) -> dict[str, Any]:
    """Return the definition of the table that SQLite rebuilds.

    It comes from the database, with the columns that other programs added; with `--sql` it comes
    from here. The tables that it refers to, and their indexes, need not be read.
    """
    if not op.get_context().as_sql:
        return {"reflect_kwargs": {"resolve_fks": False}}
    table = sa.Table(
        "import_failures",
        sa.MetaData(),
        sa.Column("guid", GUID, nullable=False),
        sa.Column("file_id", GUID),
        sa.Column("session_id", GUID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("occurred_at", RFC3339, nullable=False),
        sa.PrimaryKeyConstraint("guid", name=op.f("pk_import_failures")),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["files.guid"],
            name=op.f("fk_import_failures__file_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["import_sessions.session_id"],
            name=op.f("fk_import_failures__session_id"),
            ondelete="CASCADE",
        ),
        *constraints,
        sa.Index("idx_import_failures_file_id", "file_id"),
    )
    return {"copy_from": table}


def upgrade() -> None:
    """Replace the indexes."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    op.drop_index("idx_files_hash", table_name="files")
    op.create_index("idx_files_hash", "files", ["hash", "created_at", "guid"])
    former = sa.UniqueConstraint("session_id", "path", "phase", name=op.f(FORMER_KEY))
    with op.batch_alter_table("import_failures", **rebuilding(former)) as failures:
        failures.drop_constraint(op.f(FORMER_KEY), type_="unique")
    path = sa.text("md5(path)") if on_postgresql else "path"
    op.create_index(KEY, "import_failures", [path, "phase", "session_id"], unique=True)
    op.create_index("idx_import_failures_session_id", "import_failures", ["session_id"])
    if not on_postgresql:
        return
    op.drop_index("idx_files_path", table_name="files")
    op.create_index("idx_files_path", "files", [path], unique=True)
    for table in ("files", "import_failures"):
        name = f"idx_{table}_path_look_up"
        op.create_index(name, table, ["path"], postgresql_using="hash")
    op.drop_index("idx_passages_title", table_name="passages")
    op.create_index("idx_passages_title", "passages", [sa.text("left(title, 200)")])


def downgrade() -> None:
    """Restore the old indexes."""
    if op.get_context().dialect.name == "postgresql":
        op.drop_index("idx_passages_title", table_name="passages")
        op.create_index("idx_passages_title", "passages", ["title"])
        for table in ("files", "import_failures"):
            op.drop_index(f"idx_{table}_path_look_up", table_name=table)
        op.drop_index("idx_files_path", table_name="files")
        op.create_index("idx_files_path", "files", ["path"], unique=True)
    op.drop_index("idx_import_failures_session_id", table_name="import_failures")
    op.drop_index(KEY, table_name="import_failures")
    with op.batch_alter_table("import_failures", **rebuilding()) as failures:
        failures.create_unique_constraint(op.f(FORMER_KEY), ["session_id", "path", "phase"])
    op.drop_index("idx_files_hash", table_name="files")
    op.create_index("idx_files_hash", "files", ["hash"])
