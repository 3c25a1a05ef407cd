"""Write lists of words in CHECKs with OR, and exclude NULL from indexes that are mostly NULL.

For `status IN (...)` with three or more words SQLite builds a b-tree for each row: without them a
recording of 24 passages takes 0.62 of the instructions. Two indexes are on columns that are NULL in
most rows.

SQLite can change a CHECK only with its table. So this migration creates empty tables again, and
leaves tables with rows unchanged: they are correct but slower. `wkmp-orm db upgrade --rebuild`
rebuilds them.

Revision: e4d7093c6a18
Follows: c29e5b7a4f60
Written: 2026-11-30
"""

from __future__ import annotations

import re
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "e4d7093c6a18"
down_revision = "c29e5b7a4f60"
branch_labels = None
depends_on = None

WORDS: Final = {
    ("files", "status"): (
        *("PENDING", "PROCESSING", "INGEST COMPLETE", "DUPLICATE HASH", "NO AUDIO"),
    ),
    ("import_sessions", "state"): (
        *('"SCANNING"', '"PROCESSING"', '"COMPLETED"', '"CANCELLED"', '"FAILED"'),
        *('"EXTRACTING"', '"SEGMENTING"', '"FINGERPRINTING"', '"IDENTIFYING"', '"ANALYZING"'),
        '"FLAVORING"',
    ),
    ("songs", "status"): ("PENDING", "FLAVOR READY", "FLAVORING FAILED"),
    ("passages", "decode_status"): ("pending", "successful", "unsupported_codec", "failed"),
    ("passages", "fade_in_curve"): (
        *("exponential", "cosine", "linear", "logarithmic", "equal_power"),
    ),
    ("passages", "fade_out_curve"): (
        *("exponential", "cosine", "linear", "logarithmic", "equal_power"),
    ),
    ("passages", "status"): ("PENDING", "INGEST COMPLETE"),
    ("import_provenance", "source_type"): (
        *("metadata_extractor", "identity_extractor", "flavor_extractor", "unknown_extractor"),
    ),
}
MOSTLY_NULL: Final = {
    "idx_songs_work_id": ("songs", "work_id"),
    "idx_passages_import_session_id": ("passages", "import_session_id"),
}
LIST: Final = re.compile(r"CHECK \((\w+) IN \(('[^']*'(?:, '[^']*')*)\)\)")


def with_or(found: re.Match[str]) -> str:
    """Rewrite one CHECK with OR."""
    words = re.findall(r"'[^']*'", found[2])
    return f"CHECK ({' OR '.join(f'{found[1]} = {word}' for word in words)})"


def make_anew(table: str) -> None:
    """Create an empty SQLite table again, with other programs' additions."""
    connection = op.get_bind()
    made = connection.execute(
        sa.text(
            "SELECT sql FROM sqlite_master WHERE tbl_name = :name AND sql IS NOT NULL"
            " ORDER BY type <> 'table', type, rowid"
        ),
        {"name": table},
    )
    definition, *others = made.scalars().all()
    connection.exec_driver_sql(f'DROP TABLE "{table}"')
    for sql in (LIST.sub(with_or, definition), *others):
        connection.exec_driver_sql(sql)


def index_again(name: str, *, partial: bool) -> None:
    """Create an index again, of all rows or of those with a value in the column."""
    table, column = MOSTLY_NULL[name]
    where = {}
    if partial:
        condition = sa.text(f"{column} IS NOT NULL")
        where = {"sqlite_where": condition, "postgresql_where": condition}
    op.drop_index(name, table_name=table)
    op.create_index(name, table, [column], **where)


def check_again(condition: str) -> None:
    """Create the CHECKs again on PostgreSQL; `condition` is "or" or "in"."""
    for (table, column), words in WORDS.items():
        name = op.f(f"ck_{table}__{column}_known")
        quoted = [f"'{word}'" for word in words]
        either = " OR ".join(f"{column} = {word}" for word in quoted)
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(
            name, table, either if condition == "or" else f"{column} IN ({', '.join(quoted)})"
        )


def upgrade() -> None:
    """Change everything that needs no copying of rows."""
    if op.get_context().dialect.name == "postgresql":
        check_again("or")
        for name in MOSTLY_NULL:
            index_again(name, partial=True)
        return
    if op.get_context().as_sql:  # whether there are rows, only the database knows
        return
    for table in sorted({table for table, _ in WORDS}):
        any_row = sa.select(sa.exists().select_from(sa.table(table)))
        if op.get_bind().scalar(any_row):
            continue
        make_anew(table)
        for name, (owner, _) in MOSTLY_NULL.items():
            if owner == table:
                index_again(name, partial=True)


def downgrade() -> None:
    """Restore the old form on PostgreSQL; on SQLite every version accepts both forms."""
    if op.get_context().dialect.name == "postgresql":
        for name in MOSTLY_NULL:
            index_again(name, partial=False)
        check_again("in")
