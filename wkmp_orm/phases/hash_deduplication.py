"""Hash deduplication: one original among any number of equal files, whoever races.

The election is a statement, never an earlier read: the partial unique index on `hash` refuses a
second original, and an advisory lock on PostgreSQL lets equal files take turns (on SQLite the
writer lock does). Lists of equal files are derived from the hashes by the database; they are never
parsed here, so that one that cannot be read harms nothing and is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.errors import RowNotFoundError
from wkmp_orm.models import File, FileStatus, Passage
from wkmp_orm.models.file import UNKNOWN_HASHES
from wkmp_orm.phases.failures import forget_failures
from wkmp_orm.phases.leftovers import UNEDITED
from wkmp_orm.types import JsonArrayOf, utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from wkmp_orm.unit_of_work import UnitOfWork

DUPLICATE: Final = FileStatus.DUPLICATE_HASH

_of_guid: Final = sa.bindparam("of_guid", type_=File.guid.type)
_of_hash: Final = sa.bindparam("of_hash", type_=File.hash.type)
_before: Final = sa.bindparam("before", type_=File.hash.type)
_now: Final = sa.bindparam("now", type_=File.updated_at.type)
_other: Final = aliased(File)

# The incumbent stays, because its import may be under way; only a complete file displaces it, and
# only if it is not complete itself: what is in the library already is not imported once more.
_DISPLACE_UNFINISHED: Final = (
    sa.update(File)
    .where(
        File.hash == _of_hash,
        File.guid != _of_guid,
        File.status.not_in((DUPLICATE, FileStatus.INGEST_COMPLETE)),
        sa.exists().where(_other.guid == _of_guid, _other.status == FileStatus.INGEST_COMPLETE),
    )
    .values(status=DUPLICATE, updated_at=_now)
)
_other_original: Final = sa.exists().where(
    _other.hash == _of_hash, _other.guid != File.guid, _other.status != DUPLICATE
)
_elected: Final = sa.case(
    (_other_original, DUPLICATE),
    (File.status == DUPLICATE, FileStatus.PENDING),
    else_=File.status,
)
_STORE_AND_ELECT: Final = (
    sa.update(File)
    .where(File.guid == _of_guid, File.hash == _before)
    .values(
        hash=_of_hash,
        status=_elected,
        updated_at=sa.case(
            (sa.and_(File.hash == _of_hash, File.status == _elected), File.updated_at), else_=_now
        ),
    )
)
_oldest: Final = (
    sa.select(_other.guid)
    .where(_other.hash == _of_hash)
    .order_by(_other.created_at, _other.guid)
    .limit(1)
    .scalar_subquery()
)
_ELECT_SUCCESSOR: Final = (
    sa.update(File)
    .where(File.guid == _oldest, File.status == DUPLICATE, ~_other_original)
    .values(status=FileStatus.PENDING, updated_at=_now)
)
_clique: Final = (
    sa.select(_other.guid).where(_other.hash == _of_hash).order_by(_other.guid).subquery()
)
_others: Final = (
    sa.select(JsonArrayOf(_clique.c.guid)).where(_clique.c.guid != File.guid).scalar_subquery()
)
_LIST_OTHERS: Final = (
    sa.update(File)
    .where(File.hash == _of_hash, File.matching_hashes.is_distinct_from(_others))
    .values(matching_hashes=_others, updated_at=_now)
)
# The original's passages are the ones to play; a copy may have some of when it held other sound.
_DELETE_PASSAGES_OF_DUPLICATES: Final = sa.delete(Passage).where(
    # By IN, which SQLite starts from the few files; by EXISTS it reads every passage there is.
    Passage.file_id.in_(
        sa.select(File.guid).where(File.hash == _of_hash, File.status == DUPLICATE)
    ),
    *UNEDITED,
)


def record_hash(work: UnitOfWork, guid: str, sha256: str) -> None:
    """Store a file's hash (64 hex digits) and decide whether it is an original or a duplicate.

    A file that other content replaced leaves its old equals: the oldest of them becomes their
    original, PENDING. Every file of a clique lists all others in `matching_hashes`. Passages of
    duplicates go, but those that a user edited. Read the outcome with `is_duplicate` after the
    commit. Raises RowNotFoundError. Run it through `in_unit_of_work`: it reads before it writes.
    """
    with work.reader() as session:
        found = session.execute(sa.select(File.hash, File.status).where(File.guid == guid)).first()
    if found is None:
        msg = f"hash of files {guid}: there is no such row; it was deleted meanwhile"
        raise RowNotFoundError(msg, table="files", key=guid)
    before, status = found
    row = {"of_guid": guid, "of_hash": sha256, "now": utc_now()}
    _lock(work, sha256)
    if status is FileStatus.INGEST_COMPLETE:
        work.execute(_DISPLACE_UNFINISHED, [row])
    work.execute(_STORE_AND_ELECT, [row | {"before": before}], expected=1)
    if before != sha256 and before not in UNKNOWN_HASHES:
        _lock(work, before)
        work.execute(_ELECT_SUCCESSOR, [{"of_hash": before, "now": utc_now()}])
    list_equal_files(work, {before, sha256})
    work.execute(_DELETE_PASSAGES_OF_DUPLICATES, [{"of_hash": sha256}])
    forget_failures(work, guid, once=DUPLICATE)


def is_duplicate(session: Session, guid: str) -> bool:
    """Say whether the election made a file a duplicate."""
    return session.scalar(sa.select(File.status).where(File.guid == guid)) == DUPLICATE


def list_equal_files(work: UnitOfWork, hashes: Iterable[str]) -> None:
    """Let every file with one of these hashes list the guids of all others, in order."""
    known = sorted(set(hashes).difference(UNKNOWN_HASHES))
    for sha256 in known:
        _lock(work, sha256)
    if known:
        work.execute(_LIST_OTHERS, [{"of_hash": sha256, "now": utc_now()} for sha256 in known])


def _lock(work: UnitOfWork, sha256: str) -> None:
    work.lock(f"hash:{sha256}")
