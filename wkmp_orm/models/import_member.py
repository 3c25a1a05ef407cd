"""The table of processes that take part in an import on PostgreSQL, on any number of machines."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from wkmp_orm.core.policy import insert_only
from wkmp_orm.core.types import EnumText, UtcDateTime
from wkmp_orm.models.base import Base, GuidKey, Reference, is_one_of, to

if TYPE_CHECKING:
    from wkmp_orm.models.rows import ImportMemberColumns


class MemberRole(StrEnum):
    """An importer's role: the leader scans the folder and ends the session, helpers join it."""

    LEADER = "leader"
    HELPER = "helper"


ROLE = EnumText(MemberRole)


class ImportMember(Base):
    """One importer of a session: its process, its counts and its last heartbeat.

    It sends a heartbeat every two seconds. `lease_s` seconds after `heartbeat_at`, others may take
    over its files. `left_at` is set if the importer has ended in order. All times are those of the
    server's clock. On SQLite, where one import runs at a time, the table stays empty.
    """

    __tablename__ = "import_members"

    member_id: Mapped[GuidKey]
    session_id: Mapped[Reference] = insert_only(
        to("import_sessions.session_id", on_delete="CASCADE")
    )
    host: Mapped[str] = insert_only()
    process_id: Mapped[int] = insert_only()
    role: Mapped[MemberRole] = insert_only(ROLE)
    workers: Mapped[int] = insert_only()
    imported: Mapped[int] = insert_only(default=0)
    duplicates: Mapped[int] = insert_only(default=0)
    no_audio: Mapped[int] = insert_only(default=0)
    failed: Mapped[int] = insert_only(default=0)
    corrected: Mapped[int] = insert_only(default=0)
    disputed: Mapped[int] = insert_only(default=0)
    lease_s: Mapped[int] = insert_only()
    joined_at: Mapped[datetime] = insert_only(UtcDateTime())
    heartbeat_at: Mapped[datetime] = insert_only(UtcDateTime())
    left_at: Mapped[datetime | None] = insert_only(UtcDateTime())

    __table_args__ = (
        is_one_of("role", ROLE),
        sa.Index("idx_import_members_session_id", "session_id"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ImportMemberColumns]) -> None: ...
