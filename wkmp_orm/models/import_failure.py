"""Why a file could not be imported, kept until an import of it succeeds."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wkmp_orm.models.base import Base, GuidKey, Reference, refers_to
from wkmp_orm.types import Stored, UtcDateTime, utc_now


class ImportFailure(Base):
    """One failure: which path (and file, once it has a row), in which session and phase, why, when.

    The natural key is (session, path, phase): a session tells of a file's failing phase once.
    """

    __tablename__ = "import_failures"

    guid: Mapped[GuidKey]
    file_id: Mapped[Reference | None] = refers_to("files.guid", on_delete="CASCADE")
    session_id: Mapped[Reference] = refers_to("import_sessions.session_id", on_delete="CASCADE")
    path: Mapped[str]
    phase: Mapped[str]
    reason: Mapped[str]
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime(Stored.RFC3339), default=utc_now)

    __table_args__ = (
        sa.UniqueConstraint("session_id", "path", "phase"),
        sa.Index("idx_import_failures_file_id", "file_id"),
    )
