"""Decides how a process may import: alone, as the leader, or by joining a running import.

On SQLite one import runs at a time. On PostgreSQL an importer that comes later joins the running
import.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.engine.session_lock import SessionLocks
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.errors import ImportRunningError
from wkmp_orm.import_lock import IMPORTERS, NAME, another_import, import_lock
from wkmp_orm.orchestrator.others_sessions import settle_sessions
from wkmp_orm.paths import path_from_text, path_under_root
from wkmp_orm.phases import running_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wkmp_orm.library import Library

LEADER_AWAITED_S: Final = 5.0
"""How long the lock's holder may take until its import can be joined or has ended."""
_BETWEEN_LOOKS_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Place:
    """What an importer imports: the folder, and the session to join, or None to begin one.

    `locks` are the PostgreSQL locks that show others that this process imports.
    """

    folder: Path
    session_id: str | None
    locks: SessionLocks | None


@contextmanager
def place_in_import(library: Library, folder: Path, *, take_over: bool) -> Iterator[Place]:
    """Get permission to import a folder during a `with` block, alone or with running importers.

    A leader also ends interrupted sessions and settles the root. Raises ImportRunningError if an
    import runs that cannot be joined: on SQLite any, on PostgreSQL one of another folder.
    """
    if library.target.path is not None:
        with import_lock(library.target) as others_have_ended:
            settle_sessions(library, others_have_ended=others_have_ended, take_over=take_over)
            yield Place(_in_library(library, folder), None, None)
        return
    with closing(SessionLocks(library.target, NAME)) as locks:
        yield _place_on_server(library, folder, locks, take_over=take_over)


def _place_on_server(
    library: Library, folder: Path, locks: SessionLocks, *, take_over: bool
) -> Place:
    deadline = time.monotonic() + LEADER_AWAITED_S
    while True:
        with translate_opening_errors(library.target):
            if locks.try_lock(NAME):
                if _may_lead(library, locks):
                    settle_sessions(library, others_have_ended=True, take_over=take_over)
                    return Place(_in_library(library, folder), None, locks)
                locks.unlock(NAME)
            if locks.try_lock(IMPORTERS, shared=True):
                running = running_session(library)
                if running is not None:
                    return _joined(library, folder, running.root_folder, running.session_id, locks)
                locks.unlock(IMPORTERS, shared=True)
            if time.monotonic() > deadline:
                raise another_import(library.target, locks.holder(NAME) or locks.holder(IMPORTERS))
        time.sleep(_BETWEEN_LOOKS_S)


def _may_lead(library: Library, locks: SessionLocks) -> bool:
    """Return whether there is no import to join. The caller holds the leader's lock.

    If so, it also takes the lock of all importers. A suspended process may still share that lock
    after its import has ended; whatever it writes later is refused.
    """
    if locks.try_lock(IMPORTERS):
        return True
    return running_session(library) is None and locks.try_lock(IMPORTERS, shared=True)


def _joined(
    library: Library, folder: Path, theirs: str, session_id: str, locks: SessionLocks
) -> Place:
    place = _in_library(library, folder)
    if not place.is_relative_to(path_from_text(theirs)):
        raise ImportRunningError(
            f"an import of {theirs} is running on {library.target}, and who imports {place} cannot"
            f" join it: wait for its end, or import {theirs} as well. Nothing was changed"
        )
    return Place(place, session_id, locks)


def _in_library(library: Library, folder: Path) -> Path:
    """Return the folder as a path below the library's root, which is stored if it is not yet."""
    return path_under_root(folder, library.settle_root(folder))
