"""The lock that allows one import per database, or on PostgreSQL one leader of an import.

The operating system or the server releases it when its holder dies.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

from wkmp_orm.core.engine.lock_file import LockFile
from wkmp_orm.core.engine.session_lock import (
    SessionLocks,
    holder_of,
    try_lock_until_commit,
)
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.errors import ImportRunningError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.errors import LockHolder

logger = logging.getLogger("wkmp_orm.orchestrator")

NAME: Final = "wkmp_orm import"
"""The lock of the process that leads an import, or makes changes that no import may see."""
IMPORTERS: Final = "wkmp_orm importers"
"""On PostgreSQL, the lock that all importers of a database share."""

_GLANCES: Final = 20
_BETWEEN_GLANCES_S: Final = 0.01
"""0.2 s in all: the holder writes its name a few microseconds after it takes the lock."""


class _Lock(Protocol):
    def try_lock(self) -> bool:
        """Take the lock if it is free now."""

    def holder(self) -> LockHolder | None:
        """Return who holds it, or None if unknown."""


@contextmanager
def import_lock(target: DatabaseTarget) -> Iterator[bool]:
    """Keep all imports, on any machine, away from a database during a `with` block.

    It yields True if every earlier import has surely ended, and False if that cannot be known: on a
    file system or operating system without `flock`. For SQLite it locks the file
    `<database>-import`; for PostgreSQL it holds an advisory lock on a connection of its own.

    Raises ImportRunningError, which names the importing process, and DatabaseUnavailableError, also
    if a link, a pipe or the like is in the place of the lock file.
    """
    if target.path is None:
        with closing(SessionLocks(target, NAME)) as locks:
            with translate_opening_errors(target):
                for name in (NAME, IMPORTERS):
                    _take(_ServerLock(locks, name), target)
            yield True
        return
    with closing(LockFile(f"{os.path.realpath(target.path)}-import")) as lock_file:
        is_held = _take_file(lock_file, target, target.path)
        try:
            yield is_held
        finally:
            if is_held:
                with suppress(OSError):
                    lock_file.wipe()


def who_imports(target: DatabaseTarget, connection: sa.Connection) -> LockHolder | None:
    """Return who runs an import on a database, or None if unknown; it takes no lock."""
    if target.path is None:
        return holder_of(connection, NAME) or holder_of(connection, IMPORTERS)
    return LockFile(f"{os.path.realpath(target.path)}-import").holder()


class _ServerLock:
    """One named lock of a connection."""

    def __init__(self, locks: SessionLocks, name: str) -> None:
        self._locks = locks
        self._name = name

    def try_lock(self) -> bool:
        return self._locks.try_lock(self._name)

    def holder(self) -> LockHolder | None:
        return self._locks.holder(self._name)


def _take_file(lock: LockFile, target: DatabaseTarget, database: Path) -> bool:
    try:
        lock.open(str(database))
        _take(lock, target)
    except OSError as error:
        logger.warning(
            "%s cannot be locked (%s): an import that was killed counts as running for ever",
            lock.path,
            (error.strerror or type(error).__name__).lower(),
        )
        return False
    with suppress(OSError):  # on a full disk the lock is held, but without a name
        lock.sign(NAME, time.time())
    return True


def _take(lock: _Lock, target: DatabaseTarget) -> None:
    for _ in range(_GLANCES):
        if lock.try_lock():
            return
        holder = lock.holder()
        if holder is not None:
            break
        time.sleep(_BETWEEN_GLANCES_S)
    else:
        holder = None
    raise another_import(target, holder)


def keep_imports_out(connection: sa.Connection) -> None:
    """Keep imports out of a PostgreSQL until the connection's transaction ends.

    Raises ImportRunningError, which names a process that imports.
    """
    for name in (NAME, IMPORTERS):
        if not try_lock_until_commit(connection, name):
            raise another_import("this database", holder_of(connection, name))


def another_import(target: DatabaseTarget | str, holder: LockHolder | None) -> ImportRunningError:
    """Return the error for an import that is refused because of another one."""
    by = f" ({holder})" if holder else ""
    return ImportRunningError(
        f"another import is running on {target}{by}: wait for its end, or stop that process."
        " Nothing was changed"
    )
