"""Cancels running sessions whose import has ended.

A session of wkmp_orm is dead if the lock of its import is free. A session of another program, which
does not use that lock, may be alive: as long as it seems to be, this import is refused.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.engine.other_processes import others_with
from wkmp_orm.core.types import utc_now
from wkmp_orm.errors import ImportRunningError
from wkmp_orm.models import File, ImportSession, Passage, Song
from wkmp_orm.orchestrator.writing import retry_lock_timeouts
from wkmp_orm.phases import cancel_interrupted
from wkmp_orm.phases.import_session import PROGRAM, RUNNING_STATES
from wkmp_orm.remedies import TAKE_OVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.library import Library

QUIET_S: Final = 60.0
"""A session of another program counts as dead if nothing was written for this long: the Rust
services write after each phase of each file, and a file that takes longer times out."""


def settle_sessions(library: Library, *, others_have_ended: bool, take_over: bool) -> None:
    """Cancel the sessions of imports that have ended, so that this one may start.

    `others_have_ended`: no other import of wkmp_orm runs. `take_over`: also cancel those of other
    programs. Raises ImportRunningError, with nothing changed, if another program may be importing.
    """
    with library.reader() as session:
        running = session.scalars(
            sa.select(ImportSession).where(ImportSession.state.in_(RUNNING_STATES))
        ).all()
    if not running:
        return
    if not take_over:
        _respect(library, [each for each in running if not _is_ours(each.parameters)])
    if others_have_ended or take_over:
        retry_lock_timeouts(lambda: cancel_interrupted(library))


def _is_ours(parameters: Any) -> bool:
    # Sessions of older versions have `notes` but no `program`.
    return isinstance(parameters, dict) and (
        parameters.get("program") == PROGRAM or "notes" in parameters
    )


def _respect(library: Library, theirs: Sequence[ImportSession]) -> None:
    if not theirs or library.target.path is None:
        return
    if _has_moved(library, theirs):
        why = "it has written within the last minute"
    elif processes := others_with(library.target.path):
        why = f"{' and '.join(processes)} has the file open"
    else:
        return
    started = min(each.started_at for each in theirs)
    message = (
        f"another program is importing into {library.target} since"
        f" {started:%Y-%m-%d %H:%M:%S} UTC, and {why}. Nothing was changed: wait for its end, or"
        " stop it"
    )
    raise ImportRunningError(message, TAKE_OVER)


def _has_moved(library: Library, theirs: Sequence[ImportSession]) -> bool:
    """Return whether files were written lately: a session's row has no time of its last change."""
    lately = utc_now() - timedelta(seconds=QUIET_S)
    if any(each.started_at > lately for each in theirs):
        return True
    written = [
        sa.exists().where(model.updated_at > lately).select() for model in (File, Passage, Song)
    ]
    with library.reader() as session:
        return any(session.scalar(each) for each in written)
