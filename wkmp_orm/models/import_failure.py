"""The model of an import failure or warning, which stays until the file is imported without it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from wkmp_orm.core.policy import insert_only, natural_key, overwrite
from wkmp_orm.core.types import ShortText, Stored, UtcDateTime, utc_now
from wkmp_orm.models.base import Base, GuidKey, Reference, to
from wkmp_orm.models.indexes import Digest, look_up_index

if TYPE_CHECKING:
    from wkmp_orm.models.rows import ImportFailureColumns

WARNING: Final = "warning"
"""Stored instead of a phase if a file was imported although something in it is damaged."""


class ImportFailure(Base):
    """One failure: its path (and file, if that has a row), session, phase, reason and time.

    The natural key is (path, phase, session): a session records a file's failing phase once. A row
    whose phase is `WARNING` is not a failure: the file was imported, but something in it is wrong.
    """

    __tablename__ = "import_failures"

    guid: Mapped[GuidKey]
    file_id: Mapped[Reference | None] = overwrite(to("files.guid", on_delete="CASCADE"))
    session_id: Mapped[Reference] = natural_key(
        to("import_sessions.session_id", on_delete="CASCADE")
    )
    path: Mapped[str] = natural_key()
    phase: Mapped[str] = natural_key(ShortText())
    reason: Mapped[str] = overwrite()
    occurred_at: Mapped[datetime] = insert_only(UtcDateTime(Stored.RFC3339), default=utc_now)

    __table_args__ = (
        # The path first: rows are looked up by it, and a session may have 100,000 rows.
        sa.Index(
            "uq_import_failures__path_phase_session_id",
            Digest(path),
            phase,
            session_id,
            unique=True,
        ),
        look_up_index("idx_import_failures_path_look_up", "path"),
        sa.Index("idx_import_failures_file_id", "file_id"),
        sa.Index("idx_import_failures_session_id", "session_id"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ImportFailureColumns]) -> None: ...
