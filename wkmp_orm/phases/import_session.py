"""The import session: at most one is running, and a final state is final.

Both are decided by the database: it refuses a second running row, and every change of state names
the states it may come from.
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
"""Who runs a session, in its parameters: the Rust services name nobody in theirs."""
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
    """Return the session that is running, if any."""
    with library.reader() as session:
        return session.scalar(
            sa.select(ImportSession).where(ImportSession.state.in_(RUNNING_STATES))
        )


def is_running(library: Library, session_id: str) -> bool:
    """Say whether a session is running still: nobody has cancelled it."""
    running = sa.exists().where(
        ImportSession.session_id == session_id, ImportSession.state.in_(RUNNING_STATES)
    )
    with library.reader() as session:
        return bool(session.scalar(sa.select(running)))


def change_state(
    library: Library, session_id: str, state: SessionState, *, operation: str, **columns: Any
) -> None:
    """Move a running session to another state. A final state sets `ended_at`.

    Raises ImportSessionError when the session is not running any more: a cancelled one stays
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
    """Store how far a running session has come: files done, of how many. The latest wins.

    False when the session is not running any more: somebody cancelled it.
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
    """Cancel sessions whose process has ended, and return how many. For whoever knows it has."""
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
