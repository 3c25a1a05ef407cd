"""Hash deduplication: elects one original among equal files, even if workers race.

A statement elects the original, not an earlier read: the partial unique index on `hash` refuses a
second original, and on PostgreSQL an advisory lock serializes equal files (on SQLite the writer
lock does). The database derives the lists of equal files from the hashes. They are never parsed
here, so an unreadable list does no harm and is replaced.

The cost of each statement stops growing above 100 equal files: stubs, silence and sample packs come
by the thousand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.core.flush.senders import Query
from wkmp_orm.core.json_functions import JsonArrayOf
from wkmp_orm.core.types import utc_now
from wkmp_orm.errors import RowNotFoundError
from wkmp_orm.models import File, FileStatus, Passage
from wkmp_orm.models.file import UNKNOWN_HASHES, is_original
from wkmp_orm.phases.failures import forget_failures, has_failures
from wkmp_orm.phases.user_edits import UNEDITED, has_edits
from wkmp_orm.phases.withdrawing import former_words, withdraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

DUPLICATE: Final = FileStatus.DUPLICATE_HASH

MOST_LISTED: Final = 100
"""Up to this many equal files list each other: 100 lists of 99 guids, half a megabyte to write for
each file that arrives. Full lists of 3,000 equal files would be a gigabyte to write."""

_of_guid: Final = sa.bindparam("of_guid", type_=File.guid.type)
_of_hash: Final = sa.bindparam("of_hash", type_=File.hash.type)
_before: Final = sa.bindparam("before", type_=File.hash.type)
_now: Final = sa.bindparam("now", type_=File.updated_at.type)
_other: Final = aliased(File)

_STATUS: Final = sa.select(File.status).where(File.guid == _of_guid)
_STORED: Final = sa.select(File.hash, File.status, has_failures(File)).where(File.guid == _of_guid)

# The incumbent stays, because its import may be running. Only a complete file displaces it, and
# only if the incumbent is not complete, so that nothing is imported twice. Both are complete if the
# Rust services had emptied the new file's hash; then the edited one stays, then the older one.
_precedes: Final = sa.or_(
    sa.and_(has_edits(_other), ~has_edits(File)),
    sa.and_(
        has_edits(_other) == has_edits(File),
        sa.or_(
            _other.created_at < File.created_at,
            sa.and_(_other.created_at == File.created_at, _other.guid < File.guid),
        ),
    ),
)
_is_displaced: Final = sa.and_(
    File.hash == _of_hash,
    is_original(File),
    File.guid != _of_guid,
    sa.exists().where(
        _other.guid == _of_guid,
        _other.status == FileStatus.INGEST_COMPLETE,
        sa.or_(File.status != FileStatus.INGEST_COMPLETE, _precedes),
    ),
)
# The original's passages are the ones to play; a copy may have some from its former content. The
# rows are locked, so that the incumbent is not completed between its passages and its status.
_DELETE_PASSAGES_OF_DISPLACED: Final = sa.delete(Passage).where(
    # With IN SQLite starts from the file; with EXISTS it reads all passages.
    Passage.file_id.in_(sa.select(File.guid).where(_is_displaced).with_for_update()),
    *UNEDITED,
)
_DISPLACE_UNFINISHED: Final = (
    sa.update(File)
    .where(_is_displaced)
    .values(
        status=DUPLICATE,
        matching_hashes=sa.select(JsonArrayOf(_of_guid)).scalar_subquery(),
        updated_at=_now,
    )
)
_other_original: Final = sa.exists().where(
    _other.hash == _of_hash, is_original(_other), _other.guid != File.guid
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
# Only of present files: nobody can import the others.
_oldest: Final = (
    sa.select(_other.guid)
    .where(_other.hash == _of_hash, _other.missing_since.is_(None))
    .order_by(_other.created_at, _other.guid)
    .limit(1)
    .scalar_subquery()
)
_ELECT_SUCCESSOR: Final = (
    sa.update(File)
    .where(File.guid == _oldest, File.status == DUPLICATE, ~_other_original)
    .values(status=FileStatus.PENDING, matching_hashes=sa.null(), updated_at=_now)
)
_DELETE_PASSAGES_OF_A_DUPLICATE: Final = sa.delete(Passage).where(
    Passage.file_id.in_(
        sa.select(File.guid).where(File.guid == _of_guid, File.status == DUPLICATE)
    ),
    *UNEDITED,
)

# It reads only until the result cannot change any more, and in index order: in guid order both
# databases may read all files.
_some: Final = (
    sa.select(_other.guid)
    .where(_other.hash == _of_hash)
    .order_by(_other.created_at, _other.guid)
    .limit(sa.literal_column(str(MOST_LISTED + 2)))
    .subquery()
)
_number: Final = sa.select(sa.func.count()).select_from(_some).scalar_subquery()
_clique: Final = sa.select(_some.c.guid).order_by(_some.c.guid).subquery()
_others: Final = (
    sa.select(JsonArrayOf(_clique.c.guid)).where(_clique.c.guid != File.guid).scalar_subquery()
)
_original: Final = (
    sa.select(JsonArrayOf(_other.guid))
    .where(_other.hash == _of_hash, is_original(_other))
    .scalar_subquery()
)
_list: Final = sa.case(
    (_number <= MOST_LISTED, _others),
    (File.status == DUPLICATE, _original),
    else_=sa.null(),
)
# All equal files, as long as they list each other and when the limit is first exceeded; after that
# only the named file.
_listing: Final = sa.union_all(
    sa.select(_some.c.guid).where(_number <= MOST_LISTED + 1),
    sa.select(_other.guid).where(_other.guid == _of_guid, _other.hash == _of_hash),
)
LIST_OTHERS: Final = (
    sa.update(File)
    .where(File.guid.in_(_listing), File.matching_hashes.is_distinct_from(_list))
    .values(matching_hashes=_list, updated_at=_now)
)
# On PostgreSQL an UPDATE that waits for a row checks it again when it is free, but with the old
# results of its sub-queries: of ten imports of five equal files, one original whose tags were being
# stored meanwhile missed a copy in its list. If the rows are locked first, none of 110 did.
_WAIT_FOR_EQUALS: Final = (
    sa.select(File.guid)
    .where(File.hash == _of_hash)
    .order_by(File.created_at, File.guid)
    .limit(sa.literal_column(str(MOST_LISTED + 2)))
    .with_for_update()
)
_NAME_ORIGINAL: Final = (
    sa.update(File)
    .where(
        File.guid == _of_guid,
        File.hash == _of_hash,
        _number > MOST_LISTED,
        File.matching_hashes.is_distinct_from(_list),
    )
    .values(matching_hashes=_list, updated_at=_now)
)


def record_hash(work: UnitOfWork, guid: str, sha256: str) -> None:
    """Store a file's hash (64 hex digits) and decide whether it is an original or a duplicate.

    A file whose content was replaced leaves its former equals: the oldest of them becomes their
    original, PENDING. Up to 100 equal files list all others in `matching_hashes`; above that, a
    duplicate lists only its original, and the original none. When a file becomes a duplicate, its
    passages are deleted except those that a user edited. Call `is_duplicate` after the commit for
    the outcome. Raises RowNotFoundError. Call this through `in_unit_of_work`: it reads before it
    writes.
    """
    [found] = work.read(Query(_STORED, {"of_guid": guid}))
    if not found:
        msg = f"hash of files {guid}: there is no such row; it was deleted meanwhile"
        raise RowNotFoundError(msg, table="files", key=guid)
    before, status, has_failed = found[0]
    withdrawal = None
    is_replaced = before != sha256 and before not in UNKNOWN_HASHES
    if is_replaced:
        with work.reader() as session:
            withdrawal = former_words(session, [guid])
    row = {"of_guid": guid, "of_hash": sha256, "now": utc_now()}
    _lock(work, sha256)
    if status is FileStatus.INGEST_COMPLETE:
        work.execute(_DELETE_PASSAGES_OF_DISPLACED, [row])
        work.execute(_DISPLACE_UNFINISHED, [row])
    work.execute(_STORE_AND_ELECT, [row | {"before": before}], expected=1)
    if is_replaced:
        _lock(work, before)
        work.execute(_ELECT_SUCCESSOR, [{"of_hash": before, "now": utc_now()}])
    list_equal_files(work, {before: None, sha256: guid})
    work.execute(_DELETE_PASSAGES_OF_A_DUPLICATE, [{"of_guid": guid}])
    withdraw(work, withdrawal)
    if has_failed:
        forget_failures(work, guid, once=DUPLICATE)


def is_duplicate(library: Library, guid: str) -> bool:
    """Return whether the election made a file a duplicate."""
    [found] = library.read(Query(_STATUS, {"of_guid": guid}))
    return any(status == DUPLICATE for (status,) in found)


def list_equal_files(work: UnitOfWork, hashes: Mapping[str, str | None]) -> None:
    """Make files with these hashes list their equals, as `record_hash` describes.

    Each hash comes with the guid of a file that is new among its equals, or None. If there are more
    than 100, only that file is updated.
    """
    known = sorted(hashes.keys() - set(UNKNOWN_HASHES))
    for sha256 in known:
        _lock(work, sha256)
    if work.dialect == "postgresql":  # on SQLite there is one writer at a time
        for sha256 in known:
            work.execute(_WAIT_FOR_EQUALS, [{"of_hash": sha256}])
    if known:
        now = utc_now()
        work.execute(
            LIST_OTHERS,
            [{"of_hash": sha256, "of_guid": hashes[sha256], "now": now} for sha256 in known],
        )


def name_originals(work: UnitOfWork, duplicates: Iterable[tuple[str, str]]) -> None:
    """Update duplicates, given by hash and guid, whose list does not name their original.

    They were too many to be updated when another file became the original.
    """
    rows = sorted(set(duplicates))
    list_equal_files(work, dict.fromkeys(sha256 for sha256, _ in rows))
    if rows:
        now = utc_now()
        work.execute(
            _NAME_ORIGINAL,
            [{"of_hash": sha256, "of_guid": guid, "now": now} for sha256, guid in rows],
        )


def _lock(work: UnitOfWork, sha256: str) -> None:
    work.lock(f"hash:{sha256}")
