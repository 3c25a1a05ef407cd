"""Why files could not be imported: one reason for each path, until an import of it succeeds.

And what is damaged in files that were imported all the same, until an import finds it mended.
Knows no phase but the scan: any of them may fail, and only what a scan met has no row of its own.
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
    # By two ranges of the index: this session may have 100,000 failures of its own.
).where(sa.or_(ImportFailure.session_id < _of_session, ImportFailure.session_id > _of_session))

_is_settled: Final = sa.and_(
    File.guid == sa.bindparam("of_file"), File.status == sa.bindparam("settled")
)
# A duplicate is not looked into, and its original has the same bytes.
_is_settled_by_it: Final = sa.or_(
    ImportFailure.phase != WARNING, sa.bindparam("settled") == FileStatus.DUPLICATE_HASH.value
)
# A file may have failed before it had a row: then its failure knows the path alone. Two look-ups:
# one condition with OR would read all failures, for every file.
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
    """Keep why a file failed in a phase of this session, in place of what earlier ones said."""
    work.import_failures.put(
        session_id=session_id, path=path, phase=phase, reason=reason, file_id=file_guid
    )
    work.execute(_OF_EARLIER_SESSIONS, [{"of_path": path, "of_session": session_id}])


def record_warning(
    work: UnitOfWork, *, session_id: str, path: str, file_guid: str, reason: str
) -> None:
    """Keep what is wrong with a file that is imported in this session, in place of what was wrong.

    An empty reason: nothing is. The file is imported all the same.
    """
    if reason:
        work.import_failures.put(
            session_id=session_id, path=path, phase=WARNING, reason=reason, file_id=file_guid
        )
    work.execute(_EARLIER_WARNINGS, [{"of_path": path, "of_session": session_id}])


def has_failures(file: type[File]) -> sa.ColumnElement[bool]:
    """Return the condition that it is stored of a file why it failed, or what is wrong in it."""
    # Not by EXISTS, for which PostgreSQL may make a table of all failures first.
    first = sa.select(ImportFailure.guid).limit(sa.literal_column("1")).correlate(file)
    return sa.or_(
        first.where(ImportFailure.file_id == file.guid).scalar_subquery().is_not(None),
        first.where(ImportFailure.path == file.path).scalar_subquery().is_not(None),
    )


def forget_failures(work: UnitOfWork, file_guid: str, *, once: FileStatus) -> None:
    """Forget why a file failed before, if this unit of work leaves it in the status `once`.

    What is wrong with it is forgotten only where it turns out to be a duplicate.
    """
    work.execute(_OF_A_SETTLED_FILE, [{"of_file": file_guid, "settled": once}])


def forget_outdated_failures(
    work: UnitOfWork, *, session_id: str, folder: str | None, is_gone: Callable[[str], bool]
) -> None:
    """Forget what earlier sessions could not import below `folder` and what is no failure now.

    That is a place that an earlier scan could not look at, and this one could, and a file of which
    `is_gone` says, of its stored path, that it is not there any more: nobody will try it again. Its
    row, if it has one, stays as it is. `folder` is a stored path, None for the root. Call it at the
    end of a session that scanned it.
    """
    with work.reader() as session:
        rows = session.execute(_OF_OTHER_SESSIONS, {"of_session": session_id}).all()
    for guid, path, was_scanned in rows:
        is_below = folder is None or f"{path}/".startswith(f"{folder}/")
        if is_below and (was_scanned or is_gone(path)):
            work.import_failures.delete(guid, required=False)
