"""Store only what the Rust services can read: settings and the errors of import sessions.

- They read `lead_in_threshold_dB` and `lead_out_threshold_dB` as numbers from a text column, and
  their import stops at the error. A row with the default is deleted; a row with another value gets
  a name that only wkmp_orm reads.
- `ai_database_connection_pool_size` 8 was a default too, and reduced their pool of 96: a row with
  it is deleted.
- They read `import_sessions.errors` as objects; wkmp_orm stored plain texts.

Revision: 8a6c1f2d7e35
Follows: 4d17b8e25c93
Written: 2026-11-30
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "8a6c1f2d7e35"
down_revision = "4d17b8e25c93"
branch_labels = None
depends_on = None

DEFAULTS: Final = {
    "lead_in_threshold_dB": "45",
    "lead_out_threshold_dB": "40",
    "ai_database_connection_pool_size": "8",
}
RENAMED: Final = ("lead_in_threshold_dB", "lead_out_threshold_dB")
PREFIX: Final = "wkmp_orm_"

JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
SETTINGS: Final = sa.table("settings", sa.column("key", sa.Text()), sa.column("value", sa.Text()))
SESSIONS: Final = sa.table(
    "import_sessions",
    sa.column("session_id", sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")),
    sa.column("errors", JSON),
    sa.column("started_at", sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")),
    sa.column("ended_at", sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")),
)


def rename(name: str, new: str) -> None:
    """Give a setting's row another key, unless there is one with that key."""
    taken = SETTINGS.alias()
    op.execute(
        sa.update(SETTINGS)
        .where(
            SETTINGS.c.key == name,
            SETTINGS.c.value.is_not(None),
            ~sa.exists().where(taken.c.key == new),
        )
        .values(key=new)
    )
    op.execute(sa.delete(SETTINGS).where(SETTINGS.c.key == name))


def as_object(error: Any, at: Any) -> Any:
    """Convert an error's text to the object that the Rust services read."""
    if not isinstance(error, str):
        return error
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return {
        "file_path": "",
        "error_code": "IMPORT_ERROR",
        "error_message": error,
        "severity": "SKIP",
        "occurred_at": moment.isoformat("T", "microseconds"),
    }


def upgrade() -> None:
    """Delete or rename settings, and rewrite the errors of sessions."""
    for name, default in DEFAULTS.items():
        op.execute(sa.delete(SETTINGS).where(SETTINGS.c.key == name, SETTINGS.c.value == default))
    for name in RENAMED:
        rename(name, PREFIX + name)
    if op.get_context().as_sql:  # the texts are read as well, by wkmp_orm
        return
    connection = op.get_bind()
    plain = connection.dialect.name == "postgresql"
    rows = connection.execute(
        sa.select(
            SESSIONS.c.session_id,
            SESSIONS.c.errors,
            sa.func.coalesce(SESSIONS.c.ended_at, SESSIONS.c.started_at),
        ).where(sa.cast(SESSIONS.c.errors, sa.Text()) != "[]")
    ).all()
    for session_id, stored, at in rows:
        try:
            errors = stored if plain else json.loads(stored)
            objects = [as_object(error, at) for error in errors]
        except (ValueError, TypeError):  # another program's; it was unreadable before
            continue
        if objects != errors:
            connection.execute(
                sa.update(SESSIONS)
                .where(SESSIONS.c.session_id == session_id)
                .values(errors=objects if plain else json.dumps(objects, ensure_ascii=False))
            )


def downgrade() -> None:
    """Restore the settings' names; older versions can read the new errors."""
    for name in RENAMED:
        rename(PREFIX + name, name)
