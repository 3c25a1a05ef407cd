"""Hash deduplication: one original among any number of equal files, whoever races.

The election is a statement, never an earlier read: the partial unique index on `hash` refuses a
second original, and an advisory lock on PostgreSQL lets equal files take turns (on SQLite the
writer lock does).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.models import File, FileStatus
from wkmp_orm.models.file import UNKNOWN_HASHES
from wkmp_orm.types import JsonArrayOf, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from wkmp_orm.unit_of_work import UnitOfWork

DUPLICATE: Final = FileStatus.DUPLICATE_HASH


def record_hash(work: UnitOfWork, guid: str, sha256: str) -> None:
    """Store a file's hash (64 hex digits) and decide whether it is an original or a duplicate.

    A file that other content replaced leaves its old equals: they elect another original among
    them, which is PENDING then. Every file of a clique lists all others in `matching_hashes`.
    Read the outcome with `is_duplicate` after the commit. Raises RowNotFoundError.
    """
    with work.reader() as session:
        before = session.scalar(sa.select(File.hash).where(File.guid == guid))
    work.lock(f"hash:{sha256}")
    other = aliased(File)
    other_original = sa.exists().where(
        other.hash == sa.bindparam("new_hash"), other.guid != File.guid, other.status != DUPLICATE
    )
    work.execute(
        sa.update(File)
        .where(File.guid == sa.bindparam("of_guid"))
        .values(
            hash=sa.bindparam("new_hash"),
            status=sa.case(
                (other_original, DUPLICATE),
                (File.status == DUPLICATE, FileStatus.PENDING),
                else_=File.status,
            ),
            updated_at=sa.bindparam("now", type_=File.updated_at.type),
        ),
        [{"of_guid": guid, "new_hash": sha256, "now": utc_now()}],
        expected=1,
    )
    if before is not None and before not in (*UNKNOWN_HASHES, sha256):
        work.lock(f"hash:{before}")
        _elect(work, before)
        refresh_clique(work, before)
    refresh_clique(work, sha256)


def is_duplicate(session: Session, guid: str) -> bool:
    """Say whether the election made a file a duplicate."""
    return session.scalar(sa.select(File.status).where(File.guid == guid)) == DUPLICATE


def refresh_clique(work: UnitOfWork, sha256: str) -> None:
    """Let every file with this hash list the guids of all others, in order."""
    work.lock(f"hash:{sha256}")
    member = aliased(File)
    clique = (
        sa.select(member.guid)
        .where(member.hash == sa.bindparam("of_hash"))
        .order_by(member.guid)
        .subquery()
    )
    others = (
        sa.select(JsonArrayOf(clique.c.guid)).where(clique.c.guid != File.guid).scalar_subquery()
    )
    work.execute(
        sa.update(File)
        .where(
            File.hash == sa.bindparam("of_hash"),
            File.matching_hashes.is_distinct_from(others),
        )
        .values(
            matching_hashes=others, updated_at=sa.bindparam("now", type_=File.updated_at.type)
        ),
        [{"of_hash": sha256, "now": utc_now()}],
    )


def _elect(work: UnitOfWork, sha256: str) -> None:
    """Make the complete, else the oldest, else the smallest guid the original, if there is none."""
    candidate, original = aliased(File), aliased(File)
    best = (
        sa.select(candidate.guid)
        .where(candidate.hash == sa.bindparam("of_hash"))
        .order_by(candidate.created_at, candidate.guid)
        .limit(1)
        .scalar_subquery()
    )
    work.execute(
        sa.update(File)
        .where(
            File.guid == best,
            File.status == DUPLICATE,
            ~sa.exists().where(
                original.hash == sa.bindparam("of_hash"), original.status != DUPLICATE
            ),
        )
        .values(
            status=FileStatus.PENDING,
            updated_at=sa.bindparam("now", type_=File.updated_at.type),
        ),
        [{"of_hash": sha256, "now": utc_now()}],
    )
