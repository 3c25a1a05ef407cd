"""Turns the kinds of fault into errors of ours, which say what happened and what to do.

The only place that does, for opening, reading and writing. Three callers add what they alone know:
a flush names the row that was refused (`core/flush/refused_row.py`), a migration says that its
schema did not change, and `retry_on_lock` names the operation, as it has no database to name.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004  of the pool

from wkmp_orm.core.engine.faults import Fault, code_of, comes_from, driver_error, fault_of
from wkmp_orm.core.engine.open_files import lost_file_error
from wkmp_orm.core.errors import (
    DatabaseUnavailableError,
    LockTimeoutError,
    NotADatabaseError,
    ReadOnlyDatabaseError,
    StorageError,
    WkmpOrmError,
)
from wkmp_orm.core.remedies import (
    CHECK_PERMISSIONS,
    CHECK_SERVER,
    END_READERS,
    END_THE_HOLDER,
    END_THE_PROGRAM,
    LOCAL_DISK,
    LOOK_WHETHER,
    MAKE_ROOM,
    MORE_READERS,
    OPEN_READ_ONLY,
    OTHER_PATH,
    REPAIR_DISK,
    RESTORE_BACKUP,
    SERVER_THEN_COMMIT,
    SERVER_THEN_RETRY,
    USE_A_UNIT_OF_WORK,
    WAIT_LONGER,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget


@contextmanager
def translate_opening_errors(target: DatabaseTarget) -> Iterator[None]:
    """Translate a driver's error in a block that opens the database."""
    try:
        yield
    except Exception as error:
        # Opening asks through the driver itself, whose errors SQLAlchemy does not wrap.
        if isinstance(error, DBAPIError) or code_of(error) or fault_of(error) is not Fault.OTHER:
            problem = _unavailable_error(target, error, reading=False)
            if problem is not None:
                raise problem from error
        raise


@contextmanager
def translate_reading_errors(target: DatabaseTarget, engine: sa.Engine) -> Iterator[None]:
    """Translate the errors of a reader's engine in a block of the caller's.

    The caller may use other databases in it: their errors come through unchanged.
    """
    try:
        yield
    except Exception as error:
        if fault_of(error) is not Fault.OTHER and comes_from(error, engine):
            problem = _unavailable_error(target, error, reading=True)
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
    """Make the error of a write that was rolled back because of the state the database is in.

    None if it is not the state that is wrong but what was sent. `write` is what the write is
    called, and `is_commit` says that a unit of work keeps its rows and may commit them again.
    """
    fault, code = fault_of(error), code_of(error)
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
                CHECK_PERMISSIONS,
            )
        case Fault.DISCONNECTED:
            return DatabaseUnavailableError(
                f"{write}: {target} cannot be reached: {_reason(error)}; nothing was written",
                SERVER_THEN_COMMIT if is_commit else SERVER_THEN_RETRY,
            )
        case Fault.NOT_A_DATABASE | Fault.CANNOT_OPEN | Fault.NO_LOCKS:
            return _unavailable_error(target, error, reading=False)
        case _:
            return None


def in_doubt_error(target: DatabaseTarget, write: str) -> DatabaseUnavailableError:
    """Make the error of a write of which nobody knows whether it was committed."""
    return DatabaseUnavailableError(
        f"{write}: the connection to {target} was lost during COMMIT, which may have taken effect",
        LOOK_WHETHER,
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
    match fault:
        case Fault.NOT_A_DATABASE | Fault.CORRUPT:
            return NotADatabaseError(
                f"{target} is not an SQLite database, or it is damaged", OTHER_PATH, RESTORE_BACKUP
            )
        case Fault.READ_ONLY if reading:
            return ReadOnlyDatabaseError(f"a reader of {target} cannot write", USE_A_UNIT_OF_WORK)
        case Fault.READ_ONLY:
            return ReadOnlyDatabaseError(
                f"{target} cannot be written", CHECK_PERMISSIONS, OPEN_READ_ONLY
            )
        case Fault.CANNOT_OPEN:
            return DatabaseUnavailableError(
                f"{target} cannot be opened", CHECK_PERMISSIONS, OPEN_READ_ONLY
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
                f"{target}: no connection came free, as many are reading at the same time",
                END_READERS,
                MORE_READERS,
            )
        case Fault.LOCKED:
            return DatabaseUnavailableError(
                f"{target} stayed locked by another program", END_THE_PROGRAM
            )
        case Fault.DISCONNECTED:
            return _unreachable(target, error)
        case Fault.OTHER if target.path is None and not reading:
            return _unreachable(target, error)
        case _:
            return None


def _unreachable(target: DatabaseTarget, error: Exception) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"{target} cannot be reached: {_reason(error)}", CHECK_SERVER)


def _reason(error: Exception) -> str:
    return str(driver_error(error)).strip().partition("\n")[0]
