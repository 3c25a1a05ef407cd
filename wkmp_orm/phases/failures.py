"""Why files could not be imported: one reason for each path, until an import of it succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from wkmp_orm.models import ImportFailure

if TYPE_CHECKING:
    from wkmp_orm.unit_of_work import UnitOfWork


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
    work.execute(
        sa.delete(ImportFailure).where(
            ImportFailure.path == sa.bindparam("of_path"),
            ImportFailure.session_id != sa.bindparam("of_session"),
        ),
        [{"of_path": path, "of_session": session_id}],
    )
