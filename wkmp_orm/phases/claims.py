"""Which importer has which file, where several share a PostgreSQL.

A file belongs to the importer that has claimed it for as long as that one's heartbeat goes on. Then
others take it over. An importer that was only stopped, and goes on later, does no harm: every unit
of work about a file carries the condition that the file is still its own (`refuse_unless_mine`).
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
"""After so many importers have ended over a file, it fails in place of a fourth."""
ALONE_AFTER: Final = 2
"""Files that so many importers have had come one at a time: what else an importer had when a file
ended it is not to be taken for such a file as well."""

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
# Locked until COMMIT: whoever would take the file over meanwhile leaves it alone.
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
    """A file that is to wait: its row's guid, its place in the queue, and what is to be done."""

    file_id: str
    position: int
    kind: ClaimKind
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file that is an importer's own now; `owners` have had it, this one included."""

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
    """What an importer without a file may wait for."""

    is_free: bool
    """A file waits that nobody has."""
    is_left: bool
    """A file waits, or somebody has it."""
    can_take_over: bool
    """Somebody has files whose lease is over."""
    is_led: bool
    state: SessionState


@dataclass(frozen=True, slots=True)
class PromotedCopy:
    """A copy that was elected an original; `is_mine`: this importer found that it was a copy."""

    guid: str
    size_bytes: int
    is_mine: bool


def let_wait(work: UnitOfWork, files: Iterable[WaitingClaim]) -> None:
    """Let files wait for whoever claims them; those that do already stay as they are."""
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
    """Claim up to so many files; `claimed_files` tells which. Nobody waits for anybody here.

    `number` tells this claim from the importer's others. `flavors`: files that only lack flavor may
    be among them. `alone`: and one of those that several importers have had.
    """
    row = {"me": me, "with_number": number, "flavors": flavors}
    work.execute(_CLAIM_LAST if from_end else _CLAIM, [{**row, "most": most}])
    if alone:
        work.execute(_CLAIM_ALONE, [{**row, "most": 1}])


def claimed_files(library: Library, me: str, number: int) -> list[ClaimedFile]:
    """Return the files of one claim of an importer's."""
    [rows] = library.read(Query(_CLAIMED, {"me": me, "with_number": number}))
    return [ClaimedFile(*row) for row in rows]


def refuse_unless_mine(work: UnitOfWork, me: str, file_id: str) -> None:
    """Let the commit be refused (ConditionNotMetError) if somebody else has the file now."""
    work.require(_IS_MINE, {"me": me, "of_file": file_id})


def is_mine(library: Library, me: str, file_id: str) -> bool:
    """Say whether a file is an importer's own still."""
    [rows] = library.read(Query(_OWNED, {"me": me, "of_file": file_id}))
    return bool(rows)


def settle(work: UnitOfWork, me: str, done: Sequence[str], copies: Sequence[str]) -> None:
    """Take an importer's files off the list; copies stay on it, as they may become originals.

    Files that somebody else has taken over are that one's affair.
    """
    if done:
        work.execute(_SETTLE, [{"me": me, "of_file": guid} for guid in sorted(done)])
    if copies:
        work.execute(_KEEP_AS_COPY, [{"me": me, "of_file": guid} for guid in sorted(copies)])


def give_back(work: UnitOfWork, me: str) -> None:
    """Let what an importer has wait again, as if it had never had it."""
    work.execute(_GIVE_BACK, [{"me": me}])


def take_back(work: UnitOfWork) -> PendingStatement:
    """Let the files of importers whose lease is over wait again."""
    return work.execute(_TAKE_BACK)


def outlook(library: Library, session_id: str, *, flavors: bool) -> Outlook:
    """Return what an importer of a session, who has no file, may wait for."""
    [rows] = library.read(Query(_OUTLOOK, {"of_session": session_id, "flavors": flavors}))
    if not rows:  # somebody has deleted the session
        return Outlook(
            is_free=False,
            is_left=False,
            can_take_over=False,
            is_led=False,
            state=SessionState.CANCELLED,
        )
    return Outlook(*rows[0])


def promoted_copies(library: Library, me: str) -> list[PromotedCopy]:
    """Return a few hundred of the copies that were elected originals meanwhile."""
    [rows] = library.read(Query(_PROMOTED, {"me": me}))
    return [PromotedCopy(*row) for row in rows]


def let_copies_wait(work: UnitOfWork, copies: Iterable[PromotedCopy]) -> None:
    """Let copies wait that were elected originals."""
    work.execute(_PROMOTE, [{"of_file": each.guid} for each in copies])


def are_there(library: Library) -> bool:
    """Say whether any file waits, or waited when an import was broken off."""
    [rows] = library.read(Query(_ANY, {}))
    return bool(rows)


def forget_claims(work: UnitOfWork) -> None:
    """Forget which files wait and who has them: whatever a late importer still does is refused."""
    work.execute(_FORGET)
