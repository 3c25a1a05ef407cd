"""Translates the drivers' faults into our errors, which say what happened and what to do.

This is the only place that does so, for opening, reading and writing. Three callers add details: a
flush names the refused row (`core/flush/refused_row.py`), a migration says that the schema did not
change, and `retry_on_lock` names the operation, because it has no database to name.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004  of the pool

from wkmp_orm.core.engine.faults import Fault, code_of, comes_from, driver_error, fault_of
from wkmp_orm.core.engine.open_files import lost_file_error
from wkmp_orm.core.errors import (
    ConnectionLostError,
    DatabaseUnavailableError,
    LockTimeoutError,
    NotADatabaseError,
    ReadOnlyDatabaseError,
    StorageError,
    WkmpOrmError,
)
from wkmp_orm.core.remedies import (
    ALLOW_MORE_FILES,
    CHECK_PERMISSIONS,
    CHECK_SERVER,
    COMMIT_TO_FIND_OUT,
    END_READERS,
    END_THE_HOLDER,
    END_THE_PROGRAM,
    GIVE_RESOURCES,
    GRANT_RIGHTS,
    LET_IT_TAKE_LONGER,
    LOCAL_DISK,
    LOOK_WHETHER,
    MAKE_ROOM,
    MORE_READERS,
    ON_PRIMARY,
    OPEN_READ_ONLY,
    OTHER_PATH,
    POOL_SESSIONS,
    READ_AGAIN,
    REPAIR_DISK,
    RESTORE_BACKUP,
    SERVER_THEN_COMMIT,
    SERVER_THEN_RETRY,
    USE_A_UNIT_OF_WORK,
    WAIT_LONGER,
)

_FILES_OF_SQLITE: Final = 4
"""The database, its log, the log's index, and the folder."""

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.remedies import Remedy


@contextmanager
def translate_opening_errors(target: DatabaseTarget) -> Iterator[None]:
    """Translate a driver's error in a block that opens the database."""
    try:
        yield
    except Exception as error:
        # Opening also uses the driver directly, and SQLAlchemy does not wrap those errors.
        if isinstance(error, DBAPIError) or code_of(error) or fault_of(error) is not Fault.OTHER:
            problem = _unavailable_error(target, error, reading=False)
            if problem is not None:
                raise problem from error
        raise


@contextmanager
def translate_reading_errors(target: DatabaseTarget, engine: sa.Engine) -> Iterator[None]:
    """Translate the errors of a reader's engine in the caller's `with` block.

    The block may use other databases too: their errors pass unchanged.
    """
    try:
        yield
    except Exception as error:
        problem = reading_error(target, error) if comes_from(error, engine) else None
        if problem is not None:
            raise problem from error
        raise


def write_error(  # noqa: PLR0911  one return for each kind
    target: DatabaseTarget,
    error: Exception,
    *,
    write: str,
    is_commit: bool = False,
    attempts: int = 1,
    waited_ms: float = 0.0,
) -> WkmpOrmError | None:
    """Return our error for a write that was rolled back because of the database's state.

    None if the cause is the statement or its rows. `write` is the name of the write. `is_commit` is
    true for a unit of work, which keeps its rows and may commit them again.
    """
    fault, code = fault_of(error), code_of(error)
    if target.path is None:
        refused = _servers_write_error(
            target, error, write=write, is_commit=is_commit, attempts=attempts, waited_ms=waited_ms
        )
        if refused is not None:
            return refused
    match fault:
        case Fault.LOCKED:
            return _lock_timeout(target, write, attempts, waited_ms)
        case Fault.FULL | Fault.IO | Fault.CORRUPT:
            return StorageError(
                f"{write}: {fault.value} ({code}) on {target}; nothing was written",
                MAKE_ROOM if is_commit else REPAIR_DISK,
            )
        case Fault.CANNOT_OPEN if target.path is not None and not target.path.exists():
            return lost_file_error(target.path)
        case Fault.READ_ONLY:
            return ReadOnlyDatabaseError(
                f"{write}: {target} cannot be written ({code}); nothing was written",
                *(_openable() if target.path is not None else (ON_PRIMARY,)),
            )
        case Fault.NOT_A_DATABASE | Fault.CANNOT_OPEN | Fault.NO_LOCKS | Fault.MIXED_SESSIONS:
            return _unavailable_error(target, error, reading=False)
        case _:
            return None


def _servers_write_error(
    target: DatabaseTarget,
    error: Exception,
    *,
    write: str,
    is_commit: bool,
    attempts: int,
    waited_ms: float,
) -> WkmpOrmError | None:
    """Return our error for a write's fault that only a server has."""
    reason, code = _reason(error), code_of(error)
    match fault_of(error):
        case Fault.CANCELLED:
            return LockTimeoutError(
                f"{write}: {reason} on {target} ({code}, {attempts} attempts in {waited_ms:.0f}"
                " ms), perhaps because it waited for another transaction; nothing was written",
                LET_IT_TAKE_LONGER,
                END_THE_HOLDER,
                waited_ms=waited_ms,
            )
        case Fault.RESOURCES as fault:
            return StorageError(
                f"{write}: {fault.value} ({code}) on {target}: {reason}; nothing was written",
                GIVE_RESOURCES,
            )
        case Fault.FORBIDDEN:
            return ReadOnlyDatabaseError(
                f"{write}: this role lacks a permission on {target}: {reason}; nothing was written",
                GRANT_RIGHTS,
            )
        case Fault.DISCONNECTED:
            return ConnectionLostError(
                f"{write}: {target} cannot be reached: {reason}; nothing was written",
                SERVER_THEN_COMMIT if is_commit else SERVER_THEN_RETRY,
            )
        case _:
            return None


def reading_error(target: DatabaseTarget, error: Exception) -> DatabaseUnavailableError | None:
    """Return our error for a read that failed because of the database's state, or None."""
    if fault_of(error) is Fault.OTHER:
        return None
    return _unavailable_error(target, error, reading=True)


def in_doubt_error(
    target: DatabaseTarget, write: str, *, is_commit: bool = False
) -> ConnectionLostError:
    """Return the error for a write that may or may not have been committed."""
    return ConnectionLostError(
        f"{write}: the connection to {target} was lost during COMMIT, which may have taken effect",
        COMMIT_TO_FIND_OUT if is_commit else LOOK_WHETHER,
        in_doubt=True,
    )


def _lock_timeout(
    target: DatabaseTarget, write: str, attempts: int, waited_ms: float
) -> LockTimeoutError:
    by = "another transaction" if target.path is None else "a program that takes no writer ticket"
    return LockTimeoutError(
        f"{write}: {target} stayed locked for {waited_ms:.0f} ms ({attempts} attempts) by {by};"
        " nothing was written",
        END_THE_HOLDER,
        WAIT_LONGER,
        waited_ms=waited_ms,
    )


def _unavailable_error(  # noqa: C901, PLR0911  one return for each kind
    target: DatabaseTarget, error: Exception, *, reading: bool
) -> DatabaseUnavailableError | None:
    fault = fault_of(error)
    if target.path is None:
        problem = _unavailable_server(target, error, fault, reading=reading)
        if problem is not None:
            return problem
    match fault:
        case Fault.NOT_A_DATABASE | Fault.CORRUPT:
            return NotADatabaseError(
                f"{target} is not an SQLite database, or it is damaged", OTHER_PATH, RESTORE_BACKUP
            )
        case Fault.READ_ONLY if reading:
            return ReadOnlyDatabaseError(f"a reader of {target} cannot write", USE_A_UNIT_OF_WORK)
        case Fault.READ_ONLY:
            return ReadOnlyDatabaseError(
                f"{target} cannot be written", *_openable(), OPEN_READ_ONLY
            )
        case Fault.CANNOT_OPEN:
            return DatabaseUnavailableError(
                f"{target} cannot be opened", *_openable(), OPEN_READ_ONLY
            )
        case Fault.NO_LOCKS:
            return DatabaseUnavailableError(
                f"{target}: its file system does not lock files ({code_of(error)})", LOCAL_DISK
            )
        case Fault.FULL | Fault.IO:
            return DatabaseUnavailableError(
                f"{target}: {fault.value} ({code_of(error)})", REPAIR_DISK
            )
        case Fault.LOCKED if isinstance(error, TimeoutError):
            return DatabaseUnavailableError(
                f"{target}: no connection became free, because many threads read at the same time",
                END_READERS,
                MORE_READERS,
            )
        case Fault.LOCKED:
            return DatabaseUnavailableError(
                f"{target} stayed locked by another program", END_THE_PROGRAM
            )
        case _:
            return None


def _unavailable_server(  # noqa: PLR0911  one return for each kind
    target: DatabaseTarget, error: Exception, fault: Fault, *, reading: bool
) -> DatabaseUnavailableError | None:
    """Return our error for a fault that only a server has."""
    reason = _reason(error)
    match fault:
        case Fault.DISCONNECTED:
            # psycopg gives no code when it fails to connect.
            was_open = code_of(error) is not None or (
                isinstance(error, DBAPIError) and error.connection_invalidated
            )
            return ConnectionLostError(
                f"{target} cannot be reached: {reason}", CHECK_SERVER, was_open=was_open
            )
        case Fault.FORBIDDEN:
            kind = DatabaseUnavailableError if reading else ReadOnlyDatabaseError
            return kind(f"this role lacks a permission on {target}: {reason}", GRANT_RIGHTS)
        case Fault.READ_ONLY if not reading:
            return ReadOnlyDatabaseError(
                f"{target} cannot be written: {reason}", ON_PRIMARY, OPEN_READ_ONLY
            )
        case Fault.CANCELLED:
            return DatabaseUnavailableError(f"{target}: {reason}", LET_IT_TAKE_LONGER)
        case Fault.CONFLICT if reading:  # only a standby's replay can conflict with a read
            return DatabaseUnavailableError(f"{target}: {reason}", READ_AGAIN)
        case Fault.CORRUPT:
            return NotADatabaseError(f"{target} is damaged: {reason}", RESTORE_BACKUP)
        case Fault.RESOURCES:
            return DatabaseUnavailableError(f"{target}: {fault.value}: {reason}", GIVE_RESOURCES)
        case Fault.MIXED_SESSIONS:
            return DatabaseUnavailableError(
                f"{target} is behind a pooler that mixes up sessions: {reason}", POOL_SESSIONS
            )
        case Fault.OTHER if not reading:
            return DatabaseUnavailableError(f"{target} cannot be reached: {reason}", CHECK_SERVER)
        case _:
            return None


def _openable() -> tuple[Remedy, ...]:
    """Return what lets SQLite open its files: it says that it cannot, and never why."""
    taken = []
    try:
        for _ in range(_FILES_OF_SQLITE):
            taken.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401  each may be the last
    except OSError:
        return (ALLOW_MORE_FILES,)
    finally:
        for each in taken:
            os.close(each)
    return (CHECK_PERMISSIONS,)


def _reason(error: Exception) -> str:
    return str(driver_error(error)).strip().partition("\n")[0]
