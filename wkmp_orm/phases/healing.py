"""Turns second originals, which the Rust services create on SQLite, into copies again.

Among equal files one is the original. The Rust services do not follow this rule: when they empty
the hash of an original, one of its copies becomes an original as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import File, FileStatus, Passage
from wkmp_orm.models.file import is_original
from wkmp_orm.phases.hash_deduplication import DUPLICATE, list_equal_files
from wkmp_orm.phases.user_edits import UNEDITED, has_edits

if TYPE_CHECKING:
    from wkmp_orm.work import UnitOfWork

AT_ONCE: Final = 200
"""Hashes per unit of work: a few hundred milliseconds in which nobody else can write."""

_of_hash: Final = sa.bindparam("of_hash", type_=File.hash.type)
_now: Final = sa.bindparam("now", type_=File.updated_at.type)

# In the order of the index of originals, which covers the query.
_DOUBLED: Final = (
    sa.select(File.hash)
    .where(is_original(File))
    .group_by(File.hash)
    .having(sa.func.count() > 1)
    .limit(AT_ONCE)
)
_first: Final = (
    sa.select(File.guid)
    .where(File.hash == _of_hash, is_original(File))
    .order_by(
        File.status != FileStatus.INGEST_COMPLETE, ~has_edits(File), File.created_at, File.guid
    )
    .limit(1)
    .scalar_subquery()
)
_MAKE_COPIES: Final = (
    sa.update(File)
    .where(File.hash == _of_hash, is_original(File), File.guid != _first)
    .values(status=DUPLICATE, updated_at=_now)
)
_DELETE_PASSAGES_OF_COPIES: Final = sa.delete(Passage).where(
    Passage.file_id.in_(
        sa.select(File.guid).where(File.hash == _of_hash, File.status == DUPLICATE)
    ),
    *UNEDITED,
)


def heal_second_originals(work: UnitOfWork) -> int:
    """Leave one original for each hash: the complete, the edited, the oldest, the smallest guid.

    The others become DUPLICATE HASH and lose their passages, except those that a user edited.
    Returns how many hashes had several originals; one call heals at most 200. Call this through
    `in_unit_of_work`: it reads before it writes. On PostgreSQL an index refuses second originals.
    """
    with work.reader() as session:
        if session.get_bind().dialect.name != "sqlite":
            return 0
        doubled = list(session.scalars(_DOUBLED))
    if doubled:
        rows = [{"of_hash": sha256, "now": utc_now()} for sha256 in doubled]
        work.execute(_MAKE_COPIES, rows)
        work.execute(_DELETE_PASSAGES_OF_COPIES, [{"of_hash": sha256} for sha256 in doubled])
        list_equal_files(work, dict.fromkeys(doubled))
    return len(doubled)
