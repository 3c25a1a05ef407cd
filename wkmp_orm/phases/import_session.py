"""The import session: at most one runs, and a final state does not change.

The database enforces both: it refuses a second running row, and each statement that changes the
state names the states it may start from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.types import new_guid, utc_now
from wkmp_orm.errors import ConstraintViolationError, ImportRunningError, ImportSessionError
from wkmp_orm.models import ImportSession, SessionState
from wkmp_orm.models.import_session import FINAL_STATES, RUNNING_INDEX
from wkmp_orm.phase import Phase

if TYPE_CHECKING:
    from wkmp_orm.library import Library

RUNNING_STATES: Final = tuple(state for state in SessionState if state not in FINAL_STATES)
PROGRAM: Final = "wkmp_orm"
"""The key in a session's parameters that names its importer; the Rust services do not set it."""
INTERRUPTED: Final = "interrupted: the process that ran this import ended"


def start_session(library: Library, root_folder: str, parameters: dict[str, Any]) -> str:
    """Start a session in SCANNING and return its id. Raises ImportRunningError."""
    session_id = new_guid()
    try:
        with library.unit_of_work(Phase.SESSION) as work:
            work.import_sessions.add(
                session_id=session_id,
                root_folder=root_folder,
                parameters={**parameters, "program": PROGRAM},
                current_operation="scanning",
                started_at=utc_now(),
            )
    except ConstraintViolationError as error:
        if error.constraint != RUNNING_INDEX:
            raise
        running = running_session(library)
        started = f", started {running.started_at:%Y-%m-%d %H:%M:%S} UTC" if running else ""
        raise ImportRunningError(
            f"another import is running on {library.target}{started}; wait for its end, or stop it"
        ) from error
    return session_id


def running_session(library: Library) -> ImportSession | None:
    """Return the running session, or None."""
    with library.reader() as session:
        return session.scalar(
            sa.select(ImportSession).where(ImportSession.state.in_(RUNNING_STATES))
        )


def is_running(library: Library, session_id: str) -> bool:
    """Return whether a session is still running, that is, has not ended or been cancelled."""
    running = sa.exists().where(
        ImportSession.session_id == session_id, ImportSession.state.in_(RUNNING_STATES)
    )
    with library.reader() as session:
        return bool(session.scalar(sa.select(running)))


def change_state(
    library: Library, session_id: str, state: SessionState, *, operation: str, **columns: Any
) -> None:
    """Move a running session to another state. A final state sets `ended_at`.

    Raises ImportSessionError if the session is no longer running: a cancelled session stays
    cancelled.
    """
    if state in FINAL_STATES:
        columns["ended_at"] = utc_now()
    with library.unit_of_work(Phase.SESSION) as work:
        outcome = work.import_sessions.update(
            session_id,
            where={"state": RUNNING_STATES},
            required=False,
            state=state,
            current_operation=operation,
            **columns,
        )
    if not outcome.matched:
        msg = f"the import session {session_id} is not running any more; it was cancelled or ended"
        raise ImportSessionError(msg)


def record_progress(library: Library, session_id: str, *, current: int, total: int) -> bool:
    """Store the progress of a running session, in files; a newer value replaces an older.

    Returns False if the session is no longer running because somebody cancelled it.
    """
    percentage = 100.0 * current / total if total else 100.0
    with library.unit_of_work(Phase.SESSION) as work:
        outcome = work.import_sessions.update(
            session_id,
            where={"state": RUNNING_STATES},
            required=False,
            progress_current=current,
            progress_total=total,
            progress_percentage=percentage,
        )
    return bool(outcome.matched)


def cancel_interrupted(library: Library) -> int:
    """Cancel running sessions, whose process the caller knows to have ended; return how many."""
    with library.unit_of_work(Phase.SESSION) as work:
        cancelled = work.execute(
            sa.update(ImportSession)
            .where(ImportSession.state.in_(RUNNING_STATES))
            .values(
                state=SessionState.CANCELLED,
                ended_at=sa.bindparam("now", type_=ImportSession.ended_at.type),
                current_operation=INTERRUPTED,
            ),
            [{"now": utc_now()}],
        )
    return cancelled.matched or 0
