"""List songs, artists, albums, files and duplicates in order, a page at a time.

Every index has the order of a list. Those of passages and duplicates are partial, and contain only
the rows of the list: passages without a song, and files that are equal to another one.

Revision: c5a7e2093b1d
Follows: c5a1e7f04b92
Written: 2026-11-29
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c5a7e2093b1d"
down_revision = "c5a1e7f04b92"
branch_labels = None
depends_on = None

HAS_NO_SONG = sa.text("song_id IS NULL")
IS_DUPLICATE = sa.text("status = 'DUPLICATE HASH'")


def key(text: str) -> sa.TextClause:
    """Return the SQL of a sort key for the present database."""
    if op.get_context().dialect.name == "postgresql":
        return sa.text(f'left(lower({text} COLLATE "C"), 200)')
    return sa.text(f"substr(lower({text}), 1, 200)")


def upgrade() -> None:
    """Create the indexes."""
    for table, column in (("songs", "title"), ("artists", "name"), ("albums", "title")):
        op.create_index(f"idx_{table}_{column}_order", table, [key(column), "guid"])
    for what, text in (("title", "coalesce(user_title, title)"), ("artist", "artist")):
        op.create_index(
            f"idx_passages_{what}_order",
            "passages",
            ["song_id", key(text), "guid"],
            sqlite_where=HAS_NO_SONG,
            postgresql_where=HAS_NO_SONG,
        )
    op.create_index(
        "idx_files_duplicates",
        "files",
        ["status", "hash", "guid"],
        sqlite_where=IS_DUPLICATE,
        postgresql_where=IS_DUPLICATE,
    )
    if op.get_context().dialect.name == "postgresql":
        path = sa.text('left(path COLLATE "C", 200)')
        op.create_index("idx_files_path_order", "files", [path])


def downgrade() -> None:
    """Drop them."""
    if op.get_context().dialect.name == "postgresql":
        op.drop_index("idx_files_path_order", table_name="files")
    op.drop_index("idx_files_duplicates", table_name="files")
    for what in ("artist", "title"):
        op.drop_index(f"idx_passages_{what}_order", table_name="passages")
    for table, column in (("albums", "title"), ("artists", "name"), ("songs", "title")):
        op.drop_index(f"idx_{table}_{column}_order", table_name=table)
