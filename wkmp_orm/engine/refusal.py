"""What to say when a database cannot be opened, read or written: which error, and what to do.

The one place where a kind of fault becomes an error of ours. Knows the kinds of fault; not how
engines are made, nor what is read or written.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004  of the pool

from wkmp_orm.engine.blame import is_of
from wkmp_orm.engine.codes import Fault, code_of, driver_error, fault_of
from wkmp_orm.engine.open_files import lost
from wkmp_orm.errors import (
    DatabaseUnavailableError,
    LockTimeoutError,
    NotADatabaseError,
    ReadOnlyDatabaseError,
    StorageError,
    WkmpOrmError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.engine.target import DatabaseTarget


@contextmanager
def explained(target: DatabaseTarget) -> Iterator[None]:
    """Turn a driver's refusal to open the database into an error that says what to do."""
    try:
        yield
    except Exception as error:
        # Opening asks through the driver itself, whose errors SQLAlchemy does not wrap.
        if isinstance(error, DBAPIError) or code_of(error) or fault_of(error) is not Fault.OTHER:
            problem = _explanation(target, error, reading=False)
            if problem is not None:
                raise problem from error
        raise


@contextmanager
def explained_reading(target: DatabaseTarget, engine: sa.Engine) -> Iterator[None]:
    """Turn the refusal of a reader's engine into an error that says what to do.

    The block is the caller's, who may speak to other databases in it: what those say comes through
    unchanged.
    """
    try:
        yield
    except Exception as error:
        if fault_of(error) is not Fault.OTHER and is_of(error, engine):
            problem = _explanation(target, error, reading=True)
            if problem is not None:
                raise problem from error
        raise


def refused_write(  # noqa: PLR0911  one return for each kind
    target: DatabaseTarget,
    error: Exception,
    *,
    write: str,
    again: str,
    attempts: int = 1,
    waited_ms: float = 0.0,
) -> WkmpOrmError | None:
    """Make the error of a write that was rolled back because of the state the database is in.

    None if it is not the state that is wrong but what was sent. `write` is what the write is
    called, `again` what its caller does once the state has been mended.
    """
    fault, code = fault_of(error), code_of(error)
    match fault:
        case Fault.LOCKED:
            return _lock_timeout(target, write, attempts, waited_ms)
        case Fault.FULL | Fault.IO | Fault.CORRUPT:
            return StorageError(
                f"{write}: {fault.value} ({code}) on {target}; nothing was written."
                f" Make room or repair the disk, then {again}"
            )
        case Fault.CANNOT_OPEN if target.path is not None and not target.path.exists():
            return lost(target.path)
        case Fault.READ_ONLY:
            return ReadOnlyDatabaseError(
                f"{write}: {target} cannot be written ({code}); nothing was written."
                " Check the permissions of the file and its folder"
            )
        case Fault.DISCONNECTED:
            return DatabaseUnavailableError(
                f"{write}: {target} cannot be reached: {_reason(error)}; nothing was written."
                f" Check the server, then {again}"
            )
        case Fault.NOT_A_DATABASE | Fault.CANNOT_OPEN | Fault.NO_LOCKS:
            return _explanation(target, error, reading=False)
        case _:
            return None


def in_doubt(target: DatabaseTarget, write: str) -> DatabaseUnavailableError:
    """Make the error of a write of which nobody knows whether it was committed."""
    return DatabaseUnavailableError(
        f"{write}: the connection to {target} was lost during COMMIT, which may have taken effect;"
        " look whether it has before you repeat it"
    )


def _lock_timeout(
    target: DatabaseTarget, write: str, attempts: int, waited_ms: float
) -> LockTimeoutError:
    by = "another transaction" if target.path is None else "a program that takes no writer ticket"
    return LockTimeoutError(
        f"{write}: {target} stayed locked for {waited_ms:.0f} ms ({attempts} attempts) by {by};"
        " nothing was written. Find and end it, or raise ai_database_max_lock_wait_ms",
        waited_ms=waited_ms,
    )


def _explanation(  # noqa: C901, PLR0911  one return for each kind
    target: DatabaseTarget, error: Exception, *, reading: bool
) -> DatabaseUnavailableError | None:
    fault = fault_of(error)
    match fault:
        case Fault.NOT_A_DATABASE | Fault.CORRUPT:
            return NotADatabaseError(
                f"{target} is not an SQLite database, or it is damaged; give another path, or"
                " restore a backup"
            )
        case Fault.READ_ONLY if reading:
            return ReadOnlyDatabaseError(
                f"a reader of {target} cannot write; use a unit of work, or begin_monitored"
            )
        case Fault.READ_ONLY:
            return ReadOnlyDatabaseError(
                f"{target} cannot be written; change the permissions of the file and its folder,"
                " or open it with read_only=True"
            )
        case Fault.CANNOT_OPEN:
            return DatabaseUnavailableError(
                f"{target} cannot be opened; check that the file and its folder may be read and"
                " written, or open it with read_only=True"
            )
        case Fault.NO_LOCKS:
            return DatabaseUnavailableError(
                f"{target}: its file system does not lock files ({code_of(error)}); put the"
                " database on a local disk, or repair the locks of the network drive"
            )
        case Fault.FULL | Fault.IO:
            return DatabaseUnavailableError(
                f"{target}: {fault.value} ({code_of(error)}); make room or repair the disk, then"
                " try again"
            )
        case Fault.LOCKED if isinstance(error, TimeoutError):
            return DatabaseUnavailableError(
                f"{target}: no connection came free, as many are reading at the same time; end"
                " readers sooner, or raise ai_database_connection_pool_size"
            )
        case Fault.LOCKED:
            return DatabaseUnavailableError(
                f"{target} stayed locked by another program; end it and try again"
            )
        case Fault.DISCONNECTED:
            return _unreachable(target, error)
        case Fault.OTHER if target.path is None and not reading:
            return _unreachable(target, error)
        case _:
            return None


def _unreachable(target: DatabaseTarget, error: Exception) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(
        f"{target} cannot be reached: {_reason(error)}; check the URL and that the server runs"
    )


def _reason(error: Exception) -> str:
    return str(driver_error(error)).strip().partition("\n")[0]
