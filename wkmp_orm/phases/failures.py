"""Why files could not be imported: one reason for each path, until an import of it succeeds.

Knows no phase but the scan: any of them may fail, and only what a scan met has no row of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.models import File, FileStatus, ImportFailure
from wkmp_orm.phase import Phase

if TYPE_CHECKING:
    from wkmp_orm.unit_of_work import UnitOfWork

_OF_EARLIER_SESSIONS: Final = sa.delete(ImportFailure).where(
    ImportFailure.path == sa.bindparam("of_path"),
    ImportFailure.session_id != sa.bindparam("of_session"),
)

# A file may have failed before it had a row: then its failure knows the path alone.
_OF_A_SETTLED_FILE: Final = sa.delete(ImportFailure).where(
    sa.exists().where(
        File.guid == sa.bindparam("of_file"),
        File.status == sa.bindparam("settled"),
        sa.or_(ImportFailure.file_id == File.guid, ImportFailure.path == File.path),
    )
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


def forget_failures(work: UnitOfWork, file_guid: str, *, once: FileStatus) -> None:
    """Forget why a file failed before, if this unit of work leaves it in the status `once`."""
    work.execute(_OF_A_SETTLED_FILE, [{"of_file": file_guid, "settled": once}])


def forget_scan_failures(work: UnitOfWork, *, session_id: str, folder: str | None) -> None:
    """Forget the places below `folder` that an earlier scan could not look at, and this one could.

    `folder` is a stored path, None for the root. Call it at the end of a session that scanned it.
    """
    query = sa.select(ImportFailure.guid, ImportFailure.path).where(
        ImportFailure.session_id != session_id,
        ImportFailure.phase == Phase.SCANNING,
        ImportFailure.file_id.is_(None),
    )
    with work.reader() as session:
        rows = session.execute(query).all()
    for guid, path in rows:
        if folder is None or f"{path}/".startswith(f"{folder}/"):
            work.import_failures.delete(guid, required=False)
