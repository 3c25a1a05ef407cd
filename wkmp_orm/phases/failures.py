"""Stores why files could not be imported: one reason per path, until an import of it succeeds.

It also stores the damage found in files that were imported nevertheless, until an import finds them
repaired. Any phase may fail; only paths that failed in the scan have no row of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.models import File, FileStatus, ImportFailure
from wkmp_orm.models.import_failure import WARNING
from wkmp_orm.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.work import UnitOfWork

_OF_EARLIER_SESSIONS: Final = sa.delete(ImportFailure).where(
    ImportFailure.path == sa.bindparam("of_path"),
    ImportFailure.session_id != sa.bindparam("of_session"),
)

_EARLIER_WARNINGS: Final = _OF_EARLIER_SESSIONS.where(ImportFailure.phase == WARNING)

_of_session: Final = sa.bindparam("of_session", type_=ImportFailure.session_id.type)
_OF_OTHER_SESSIONS: Final = sa.select(
    ImportFailure.guid,
    ImportFailure.path,
    sa.and_(ImportFailure.phase == Phase.SCANNING, ImportFailure.file_id.is_(None)),
    # Two ranges of the index instead of !=: this session may have 100,000 failures of its own.
).where(sa.or_(ImportFailure.session_id < _of_session, ImportFailure.session_id > _of_session))

_is_settled: Final = sa.and_(
    File.guid == sa.bindparam("of_file"), File.status == sa.bindparam("settled")
)
# A duplicate is not examined: its original has the same bytes.
_is_settled_by_it: Final = sa.or_(
    ImportFailure.phase != WARNING, sa.bindparam("settled") == FileStatus.DUPLICATE_HASH.value
)
# A file may have failed before it had a row; then the failure has only its path. Two look-ups: a
# single condition with OR would read all failures, for every file.
_OF_A_SETTLED_FILE: Final = sa.delete(ImportFailure).where(
    _is_settled_by_it,
    ImportFailure.guid.in_(
        sa.union_all(
            sa.select(ImportFailure.guid).where(
                ImportFailure.file_id == sa.select(File.guid).where(_is_settled).scalar_subquery()
            ),
            sa.select(ImportFailure.guid).where(
                ImportFailure.path == sa.select(File.path).where(_is_settled).scalar_subquery()
            ),
        )
    ),
)


def record_failure(
    work: UnitOfWork,
    *,
    session_id: str,
    path: str,
    phase: str,
    reason: str,
    file_guid: str | None = None,
) -> None:
    """Store why a file failed in a phase of this session, instead of what earlier ones stored."""
    work.import_failures.put(
        session_id=session_id, path=path, phase=phase, reason=reason, file_id=file_guid
    )
    work.execute(_OF_EARLIER_SESSIONS, [{"of_path": path, "of_session": session_id}])


def record_warning(
    work: UnitOfWork, *, session_id: str, path: str, file_guid: str, reason: str
) -> None:
    """Store what is wrong with a file that this session imports, instead of an earlier warning.

    An empty reason means that nothing is wrong.
    """
    if reason:
        work.import_failures.put(
            session_id=session_id, path=path, phase=WARNING, reason=reason, file_id=file_guid
        )
    work.execute(_EARLIER_WARNINGS, [{"of_path": path, "of_session": session_id}])


def has_failures(file: type[File]) -> sa.ColumnElement[bool]:
    """Return the condition that a file has a stored failure or warning."""
    # Not by EXISTS: PostgreSQL may then materialize all failures first.
    first = sa.select(ImportFailure.guid).limit(sa.literal_column("1")).correlate(file)
    return sa.or_(
        first.where(ImportFailure.file_id == file.guid).scalar_subquery().is_not(None),
        first.where(ImportFailure.path == file.path).scalar_subquery().is_not(None),
    )


def forget_failures(work: UnitOfWork, file_guid: str, *, once: FileStatus) -> None:
    """Delete a file's stored failures, if this unit of work leaves it in the status `once`.

    Its warnings are deleted only if it becomes a duplicate.
    """
    work.execute(_OF_A_SETTLED_FILE, [{"of_file": file_guid, "settled": once}])


def forget_outdated_failures(
    work: UnitOfWork, *, session_id: str, folder: str | None, is_gone: Callable[[str], bool]
) -> None:
    """Delete the failures of earlier sessions below `folder` that no longer apply.

    They are those of folders that could not be read then and could be now, and those of files that
    no longer exist, for which `is_gone` returns True given the stored path: nothing will retry
    them. The file's row, if there is one, does not change. `folder` is a stored path, or None for
    the root. Call this at the end of a session that scanned the folder.
    """
    with work.reader() as session:
        rows = session.execute(_OF_OTHER_SESSIONS, {"of_session": session_id}).all()
    for guid, path, was_scanned in rows:
        is_below = folder is None or f"{path}/".startswith(f"{folder}/")
        if is_below and (was_scanned or is_gone(path)):
            work.import_failures.delete(guid, required=False)
