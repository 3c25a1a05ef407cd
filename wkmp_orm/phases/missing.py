"""Files that no longer exist: since when, and which copies could replace them.

Nothing is deleted here. The caller checks the file system.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import File, FileStatus, Passage
from wkmp_orm.phases.attempts import read_anew
from wkmp_orm.phases.relocation import STORED_COLUMNS, StoredFile
from wkmp_orm.phases.returning import say_again
from wkmp_orm.phases.user_edits import UNEDITED
from wkmp_orm.phases.withdrawing import former_words, withdraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

_of_guid: Final = sa.bindparam("of_guid", type_=File.guid.type)
_now: Final = sa.bindparam("now", type_=File.updated_at.type)
_MARK: Final = (
    sa.update(File)
    .where(
        File.guid == _of_guid,
        # The row may have moved since the caller looked for the file.
        File.path == sa.bindparam("was_at", type_=File.path.type),
        File.missing_since.is_(None),
    )
    .values(
        missing_since=sa.bindparam("since", type_=File.missing_since.type),
        updated_at=_now,
    )
)
_UNMARK: Final = (
    sa.update(File)
    .where(File.guid == _of_guid, File.missing_since.is_not(None))
    .values(missing_since=sa.null(), updated_at=_now)
)
_COPIES: Final = sa.select(*STORED_COLUMNS).where(
    File.hash.in_(sa.bindparam("hashes", expanding=True)),
    File.status == FileStatus.DUPLICATE_HASH,
    File.missing_since.is_(None),
)


_IS_EDITED: Final = sa.not_(sa.and_(*UNEDITED))
_LISTED: Final = (
    sa.select(
        File.path,
        File.missing_since,
        File.guid,
        sa.select(sa.func.count())
        .where(Passage.file_id == File.guid, _IS_EDITED)
        .scalar_subquery()
        .label("edited_passages"),
    )
    .where(File.missing_since.is_not(None))
    .order_by(File.missing_since, File.path)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingFile:
    """A file that no longer exists: its former path and since when it has been missing (UTC).

    `edited_passages` counts its passages to which a user gave a title or fades.
    """

    path: str
    missing_since: datetime
    guid: str
    edited_passages: int


def missing_files(session: Session) -> list[MissingFile]:
    """Return the missing files, those that have been missing longest first."""
    return [MissingFile(**row) for row in session.execute(_LISTED).mappings()]


def mark_missing(work: UnitOfWork, rows: Sequence[StoredFile]) -> PendingStatement:
    """Mark files as missing from now on; files already marked stay unchanged.

    After the commit, the result's `matched` is the number of files marked.
    """
    now = utc_now()
    with work.reader() as session:
        withdrawal = former_words(session, [row.guid for row in rows])
    marked = work.execute(
        _MARK,
        [{"of_guid": row.guid, "was_at": row.path, "since": now, "now": now} for row in rows],
    )
    withdraw(work, withdrawal)
    return marked


def unmark_missing(work: UnitOfWork, guids: Iterable[str]) -> PendingStatement:
    """Mark files as present. After the commit `matched` is how many were missing before."""
    now, back = utc_now(), list(guids)
    unmarked = work.execute(_UNMARK, [{"of_guid": guid, "now": now} for guid in back])
    say_again(work, back)
    return unmarked


def copies_of(library: Library, hashes: Sequence[str]) -> list[StoredFile]:
    """Return the duplicates of files with these hashes that are not marked as missing."""
    given = {"hashes": list(hashes)}
    return read_anew(
        library, lambda session: [StoredFile(*row) for row in session.execute(_COPIES, given)]
    )
