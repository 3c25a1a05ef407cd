"""What to say when a database cannot be opened or read: which error, and what the caller can do.

Knows the kinds of fault; not how engines are made, nor what is read.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004  of the pool

from wkmp_orm.engine.codes import Fault, code_of, driver_error, fault_of
from wkmp_orm.errors import DatabaseUnavailableError, NotADatabaseError, ReadOnlyDatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.engine.target import DatabaseTarget


@contextmanager
def explained(target: DatabaseTarget, *, reading: bool = False) -> Iterator[None]:
    """Turn a driver's refusal to open or read the database into an error that says what to do."""
    try:
        yield
    except Exception as error:
        # Opening asks through the driver itself, whose errors SQLAlchemy does not wrap.
        if isinstance(error, DBAPIError) or code_of(error) or fault_of(error) is not Fault.OTHER:
            problem = _explanation(target, error, reading=reading)
            if problem is not None:
                raise problem from error
        raise


def _explanation(  # noqa: PLR0911  one return for each kind
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
    reason = str(driver_error(error)).strip().partition("\n")[0]
    return DatabaseUnavailableError(
        f"{target} cannot be reached: {reason}; check the URL and that the server runs"
    )
