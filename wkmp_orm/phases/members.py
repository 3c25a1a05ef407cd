"""The members of an import on PostgreSQL: their heartbeats, and what they did together.

All times are those of the server's clock. The functions take the connection that the importer keeps
for its locks, so that a busy pool delays no heartbeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.models import ImportMember, ImportSession, MemberRole, SessionState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

LEASE_S: Final = 120
"""An importer keeps its files for this long after its last heartbeat: a server that fails over is
unavailable for a minute or two."""

COUNTED: Final = ("imported", "duplicates", "no_audio", "failed", "corrected", "disputed")

_members: Final = ImportMember.__table__.c
_now: Final = sa.func.clock_timestamp(type_=sa.TIMESTAMP(timezone=True))
_heard_of: Final = sa.func.greatest(
    sa.type_coerce(_members.heartbeat_at, sa.TIMESTAMP(timezone=True)),
    # While the server was down, no heartbeat could arrive.
    sa.func.pg_postmaster_start_time(type_=sa.TIMESTAMP(timezone=True)),
    type_=sa.TIMESTAMP(timezone=True),
)
_lease: Final = sa.func.make_interval(0, 0, 0, 0, 0, 0, _members.lease_s, type_=sa.Interval())
IS_ALIVE: Final = sa.and_(_members.left_at.is_(None), _heard_of + _lease > _now)
"""The condition that a member has not left and its lease has not expired."""
_is_leader: Final = _members.role == MemberRole.LEADER


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedProgress:
    """What all importers of a session have done together, as of their last reports.

    `importers` is the number of active ones. `to_import` is the number of files that the leader has
    found so far, including those that were done before it became the leader. `leader` names its
    process ("process 12 on host"); it is empty if there is no leader at the moment.
    """

    state: SessionState
    to_import: int
    importers: int
    leader: str
    imported: int
    duplicates: int
    no_audio: int
    failed: int
    corrected: int
    disputed: int

    @property
    def done(self) -> int:
        """The number of finished files, with any outcome."""
        return self.imported + self.duplicates + self.no_audio + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """A member of a session: where it runs, what it has done, and whether it is active.

    `is_alive` means that its last heartbeat is within its lease. Times are UTC.
    """

    session_id: str
    host: str
    process_id: int
    role: MemberRole
    workers: int
    imported: int
    duplicates: int
    no_audio: int
    failed: int
    joined_at: datetime
    heartbeat_at: datetime
    left_at: datetime | None
    is_alive: bool


_alive: Final = sa.func.count().filter(IS_ALIVE)
_leader: Final = sa.func.max(
    sa.func.concat("process ", _members.process_id, " on ", _members.host)
).filter(_is_leader, IS_ALIVE)
_TOGETHER: Final = (
    sa.select(
        ImportSession.state,
        ImportSession.progress_total.label("to_import"),
        _alive.label("importers"),
        sa.func.coalesce(_leader, "").label("leader"),
        *(sa.func.coalesce(sa.func.sum(_members[name]), 0).label(name) for name in COUNTED),
    )
    .outerjoin(ImportMember, ImportMember.session_id == ImportSession.session_id)
    .where(ImportSession.session_id == sa.bindparam("of_session", type_=_members.session_id.type))
    .group_by(ImportSession.session_id)
)


def enrol(connection: sa.Connection, me: str, **columns: Any) -> None:
    """Store a new importer, which is active from now on."""
    connection.execute(
        sa.insert(ImportMember).values(
            member_id=me, **columns, joined_at=_now, heartbeat_at=_now, **dict.fromkeys(COUNTED, 0)
        )
    )


def beat(connection: sa.Connection, me: str, done: Mapping[str, int]) -> bool:
    """Store a heartbeat and what the importer has done. Return False if its row is gone."""
    told = sa.update(ImportMember).where(_members.member_id == me)
    return bool(connection.execute(told.values(heartbeat_at=_now, **done)).rowcount)


def leave(connection: sa.Connection, me: str, done: Mapping[str, int]) -> None:
    """Record that an importer has ended, and what it did."""
    told = sa.update(ImportMember).where(_members.member_id == me)
    connection.execute(told.values(heartbeat_at=_now, left_at=_now, **done))


def become_leader(connection: sa.Connection, me: str, session_id: str) -> None:
    """Make an importer the leader of its session; all others become helpers."""
    role = sa.case((_members.member_id == me, "leader"), else_="helper")
    connection.execute(
        sa.update(ImportMember).where(_members.session_id == session_id).values(role=role)
    )


def progress_together(connection: sa.Connection, session_id: str) -> SharedProgress | None:
    """Return what a session's importers did together, or None if the session does not exist."""
    row = connection.execute(_TOGETHER, {"of_session": session_id}).mappings().first()
    return None if row is None else SharedProgress(**row)


def importers_of(session: Session, session_ids: Sequence[str]) -> list[Importer]:
    """Return the members of sessions, the leader first. On SQLite the list is empty."""
    if not session_ids or session.get_bind().dialect.name != "postgresql":
        return []
    names = [name for name in Importer.__slots__ if name != "is_alive"]
    query = (
        sa.select(*(_members[name] for name in names), IS_ALIVE.label("is_alive"))
        .where(_members.session_id.in_(session_ids))
        .order_by(_members.role.desc(), _members.joined_at, _members.member_id)
    )
    return [Importer(**row) for row in session.execute(query).mappings()]
