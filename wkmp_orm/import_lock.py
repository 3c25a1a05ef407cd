"""Keeps others away while one process has a database for itself, and knows when it has ended.

Knows locks that the operating system or the server gives back when their holder dies; must not
know what an import does.
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
"""The lock of who leads an import, or changes what no import may see: one process has it."""
IMPORTERS: Final = "wkmp_orm importers"
"""On PostgreSQL the lock that all who take part in an import share."""

_GLANCES: Final = 20
_BETWEEN_GLANCES_S: Final = 0.01
"""A fifth of a second in all: the holder signs some microseconds after it has taken the lock."""


class _Lock(Protocol):
    def try_lock(self) -> bool:
        """Take the lock if it is free now."""

    def holder(self) -> LockHolder | None:
        """Find out who holds it."""


@contextmanager
def import_lock(target: DatabaseTarget) -> Iterator[bool]:
    """Have a database without any import, on any machine, for the length of a `with` block.

    The block is given True when whoever ran an earlier import has surely ended, and False where
    that cannot be known: on a file system or operating system without `flock`. The lock beside an
    SQLite file is the file `<database>-import`; PostgreSQL keeps an advisory one for a connection.

    Raises ImportRunningError, which names the process that imports, and DatabaseUnavailableError,
    also for a link, a pipe or the like in the place of the lock file.
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
    """Return who runs an import on a database, as far as it can be told; it takes no lock."""
    if target.path is None:
        return holder_of(connection, NAME) or holder_of(connection, IMPORTERS)
    return LockFile(f"{os.path.realpath(target.path)}-import").holder()


class _ServerLock:
    """One of a connection's locks."""

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
    with suppress(OSError):  # a full disk leaves us unnamed, not unlocked
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
    """Make the error of who is refused because of somebody else."""
    by = f" ({holder})" if holder else ""
    return ImportRunningError(
        f"another import is running on {target}{by}: wait for its end, or stop that process."
        " Nothing was changed"
    )
