"""Records which importer has which file, if several share a PostgreSQL.

A file belongs to the importer that claimed it as long as that importer sends heartbeats. Afterwards
others take it over. An importer that was only suspended and continues later does no harm: each unit
of work about a file has the condition that it still has the file (`refuse_unless_mine`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.flush.senders import Query
from wkmp_orm.models import ClaimKind, File, FileStatus, ImportClaim, ImportMember, SessionState
from wkmp_orm.models.import_session import ImportSession
from wkmp_orm.phases.members import IS_ALIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

MOST_OWNERS: Final = 3
"""After a file ended this many importers, it counts as failed and no other importer gets it."""
ALONE_AFTER: Final = 2
"""A file that this many importers have had is claimed alone, so that no other file is blamed if it
ends the next importer too."""

_claims: Final = ImportClaim.__table__.c
_me: Final = sa.bindparam("me", type_=_claims.claimed_by.type)
_file: Final = sa.bindparam("of_file", type_=_claims.file_id.type)
_number: Final = sa.bindparam("with_number", type_=sa.Integer())
_most: Final = sa.bindparam("most", type_=sa.Integer())
_waits: Final = sa.and_(
    _claims.claimed_by.is_(None),
    _claims.kind != ClaimKind.COPY,
    sa.or_(_claims.kind != ClaimKind.UNFLAVORED, sa.bindparam("flavors", type_=sa.Boolean())),
)
_is_taken: Final = _claims.kind != ClaimKind.COPY


def _claim(which: sa.ColumnElement[bool], order: sa.ColumnElement[int]) -> sa.Update:
    free = (
        sa.select(_claims.guid)
        .where(_waits, which)
        .order_by(order)
        .limit(_most)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    return (
        sa.update(ImportClaim)
        .where(_claims.guid.in_(sa.select(free.c.guid)))
        .values(claimed_by=_me, claim_number=_number, owners=_claims.owners + 1)
    )


_CLAIM: Final = _claim(_claims.owners < ALONE_AFTER, _claims.position.asc())
_CLAIM_LAST: Final = _claim(_claims.owners < ALONE_AFTER, _claims.position.desc())
_CLAIM_ALONE: Final = _claim(_claims.owners >= ALONE_AFTER, _claims.position.asc())
_CLAIMED: Final = (
    sa.select(
        File.guid,
        File.path,
        File.file_size_bytes,
        File.modification_time,
        File.status,
        _claims.kind,
        _claims.sha256,
        _claims.owners,
    )
    .join(ImportClaim, _claims.file_id == File.guid)
    .where(_claims.claimed_by == _me, _claims.claim_number == _number, _is_taken)
    .order_by(_claims.position)
)
# Locked until COMMIT, so that another importer that wants to take the file over skips it.
_IS_MINE: Final = (
    sa.select(_claims.guid)
    .where(_claims.file_id == _file, _claims.claimed_by == _me)
    .with_for_update(read=True)
)
_OWNED: Final = sa.select(_claims.guid).where(_claims.file_id == _file, _claims.claimed_by == _me)
_SETTLE: Final = sa.delete(ImportClaim).where(_claims.file_id == _file, _claims.claimed_by == _me)
_KEEP_AS_COPY: Final = (
    sa.update(ImportClaim)
    .where(_claims.file_id == _file, _claims.claimed_by == _me)
    .values(kind=ClaimKind.COPY)
)
_GIVE_BACK: Final = (
    sa.update(ImportClaim)
    .where(_claims.claimed_by == _me, _is_taken)
    .values(claimed_by=None, owners=_claims.owners - 1)
)
_gone: Final = sa.select(ImportMember.member_id).where(~IS_ALIVE)
_of_the_gone: Final = sa.and_(_claims.claimed_by.in_(_gone), _is_taken)
_TAKE_BACK: Final = sa.update(ImportClaim).where(_of_the_gone).values(claimed_by=None)
_OUTLOOK: Final = sa.select(
    sa.exists().where(_waits),
    sa.exists().where(_is_taken),
    sa.exists().where(_of_the_gone),
    sa.exists().where(
        ImportMember.session_id == ImportSession.session_id, IS_ALIVE, ImportMember.role == "leader"
    ),
    ImportSession.state,
).where(ImportSession.session_id == sa.bindparam("of_session", type_=_claims.guid.type))
_PROMOTED: Final = (
    sa.select(_claims.file_id, File.file_size_bytes, _claims.claimed_by == _me)
    .join(File, _claims.file_id == File.guid)
    .where(_claims.kind == ClaimKind.COPY, File.status == FileStatus.PENDING)
    .limit(500)
)
_PROMOTE: Final = (
    sa.update(ImportClaim)
    .where(_claims.file_id == _file, _claims.kind == ClaimKind.COPY)
    .values(kind=ClaimKind.UNFINISHED, claimed_by=None, owners=0)
)

_ANY: Final = sa.select(_claims.guid).limit(1)
_FORGET: Final = sa.delete(ImportClaim)


@dataclass(frozen=True, slots=True)
class WaitingClaim:
    """A file to be put into the queue: its row's guid, its position, and what is to be done."""

    file_id: str
    position: int
    kind: ClaimKind
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file that an importer has claimed; `owners` counts its importers, including this one."""

    guid: str
    path: str
    size_bytes: int
    modification_time: datetime
    status: FileStatus
    kind: ClaimKind
    sha256: str | None
    owners: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an importer without a file can wait for."""

    is_free: bool
    """A file waits and no importer has it."""
    is_left: bool
    """A file waits or an importer has it."""
    can_take_over: bool
    """An importer whose lease has expired has files."""
    is_led: bool
    state: SessionState


@dataclass(frozen=True, slots=True)
class PromotedCopy:
    """A copy that became an original; `is_mine`: this importer had found that it was a copy."""

    guid: str
    size_bytes: int
    is_mine: bool


def let_wait(work: UnitOfWork, files: Iterable[WaitingClaim]) -> None:
    """Put files into the queue, from which importers claim them; waiting ones stay unchanged."""
    work.import_claims.put_many(
        {
            "file_id": each.file_id,
            "position": each.position,
            "kind": each.kind,
            "sha256": each.sha256,
        }
        for each in files
    )


def claim(
    work: UnitOfWork,
    me: str,
    *,
    number: int,
    most: int,
    flavors: bool,
    from_end: bool = False,
    alone: bool = True,
) -> None:
    """Claim up to `most` files; `claimed_files` returns them. No importer waits for another here.

    `number` identifies this claim among the importer's claims. With `flavors` the files may include
    those that only lack flavor. With `alone` they may include one that several importers have had.
    """
    row = {"me": me, "with_number": number, "flavors": flavors}
    work.execute(_CLAIM_LAST if from_end else _CLAIM, [{**row, "most": most}])
    if alone:
        work.execute(_CLAIM_ALONE, [{**row, "most": 1}])


def claimed_files(library: Library, me: str, number: int) -> list[ClaimedFile]:
    """Return the files of one of an importer's claims."""
    [rows] = library.read(Query(_CLAIMED, {"me": me, "with_number": number}))
    return [ClaimedFile(*row) for row in rows]


def refuse_unless_mine(work: UnitOfWork, me: str, file_id: str) -> None:
    """Make the commit fail with ConditionNotMetError if another importer has the file by then."""
    work.require(_IS_MINE, {"me": me, "of_file": file_id})


def is_mine(library: Library, me: str, file_id: str) -> bool:
    """Return whether an importer still has a file."""
    [rows] = library.read(Query(_OWNED, {"me": me, "of_file": file_id}))
    return bool(rows)


def settle(work: UnitOfWork, me: str, done: Sequence[str], copies: Sequence[str]) -> None:
    """Remove an importer's files from the list; copies stay, because they may become originals.

    Files that another importer has taken over do not change.
    """
    if done:
        work.execute(_SETTLE, [{"me": me, "of_file": guid} for guid in sorted(done)])
    if copies:
        work.execute(_KEEP_AS_COPY, [{"me": me, "of_file": guid} for guid in sorted(copies)])


def give_back(work: UnitOfWork, me: str) -> None:
    """Return an importer's files to the queue, as if it had never had them."""
    work.execute(_GIVE_BACK, [{"me": me}])


def take_back(work: UnitOfWork) -> PendingStatement:
    """Return the files of importers whose lease has expired to the queue."""
    return work.execute(_TAKE_BACK)


def outlook(library: Library, session_id: str, *, flavors: bool) -> Outlook:
    """Return what an importer of a session can wait for if it has no file."""
    [rows] = library.read(Query(_OUTLOOK, {"of_session": session_id, "flavors": flavors}))
    if not rows:  # the session was deleted
        return Outlook(
            is_free=False,
            is_left=False,
            can_take_over=False,
            is_led=False,
            state=SessionState.CANCELLED,
        )
    return Outlook(*rows[0])


def promoted_copies(library: Library, me: str) -> list[PromotedCopy]:
    """Return a few hundred of the copies that have become originals."""
    [rows] = library.read(Query(_PROMOTED, {"me": me}))
    return [PromotedCopy(*row) for row in rows]


def let_copies_wait(work: UnitOfWork, copies: Iterable[PromotedCopy]) -> None:
    """Put copies that have become originals into the queue."""
    work.execute(_PROMOTE, [{"of_file": each.guid} for each in copies])


def are_there(library: Library) -> bool:
    """Return whether any claims are stored, also from an interrupted import."""
    [rows] = library.read(Query(_ANY, {}))
    return bool(rows)


def forget_claims(work: UnitOfWork) -> None:
    """Delete all claims; later writes of importers that still run are refused."""
    work.execute(_FORGET)
