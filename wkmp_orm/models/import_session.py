"""The model of an import session: one run of the import over a folder, and its state."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from wkmp_orm.core.policy import insert_only
from wkmp_orm.core.types import EnumText, Stored, UtcDateTime
from wkmp_orm.models.base import Base, GuidKey, JsonList, JsonMap, is_one_of
from wkmp_orm.models.indexes import ON_POSTGRESQL_ALONE

if TYPE_CHECKING:
    from wkmp_orm.models.rows import ImportSessionColumns


class SessionState(StrEnum):
    """The state of an import session: SCANNING, PROCESSING, then one of the three final ones."""

    SCANNING = "SCANNING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    # Older services write this for a part of what is now PROCESSING.
    EXTRACTING = "EXTRACTING"
    SEGMENTING = "SEGMENTING"
    FINGERPRINTING = "FINGERPRINTING"
    IDENTIFYING = "IDENTIFYING"
    ANALYZING = "ANALYZING"
    FLAVORING = "FLAVORING"


FINAL_STATES = (SessionState.COMPLETED, SessionState.CANCELLED, SessionState.FAILED)
STATE = EnumText(SessionState, quoted=True)  # older readers parse the column as a JSON string

_FINAL = ", ".join(f"'{STATE.spelled(state)}'" for state in FINAL_STATES)
RUNNING_INDEX = "uq_import_sessions__running"


def is_running_sql(row: str = "") -> str:
    """Return the SQL condition that a session is running; `row` is a prefix such as "NEW."."""
    return f"{row}state NOT IN ({_FINAL})"


IS_RUNNING = sa.text(is_running_sql())


class ImportSession(Base):
    """A run of the import. At most one row is in a state that is not final."""

    __tablename__ = "import_sessions"

    session_id: Mapped[GuidKey]
    state: Mapped[SessionState] = insert_only(STATE, default=SessionState.SCANNING)
    root_folder: Mapped[str] = insert_only()
    parameters: Mapped[JsonMap] = insert_only()
    progress_current: Mapped[int] = insert_only(default=0)
    progress_total: Mapped[int] = insert_only(default=0)
    progress_percentage: Mapped[float] = insert_only(default=0.0)
    current_operation: Mapped[str] = insert_only(default="")
    errors: Mapped[JsonList] = insert_only(default=list)
    started_at: Mapped[datetime] = insert_only(UtcDateTime(Stored.RFC3339))
    ended_at: Mapped[datetime | None] = insert_only(UtcDateTime(Stored.RFC3339))

    __table_args__ = (
        is_one_of("state", STATE),
        # A unique index on a constant: a second running row collides with the first, in any race.
        # On SQLite it would refuse what the Rust services write; see `guards`.
        sa.Index(
            RUNNING_INDEX,
            sa.text("(1)"),
            unique=True,
            sqlite_where=IS_RUNNING,
            postgresql_where=IS_RUNNING,
            info=ON_POSTGRESQL_ALONE,
        ).ddl_if(dialect="postgresql"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ImportSessionColumns]) -> None: ...
