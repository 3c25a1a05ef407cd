"""Classifies the drivers' errors by their codes, never by their texts.

This is the only table of SQLite's and PostgreSQL's codes. By the kind of fault, `retry` decides
whether to try again, and `translate_errors` chooses an error of ours.
"""

from __future__ import annotations

from enum import Enum
from traceback import walk_tb
from typing import Final

import sqlalchemy as sa
from sqlalchemy import exc


class Fault(Enum):
    """The kinds of fault that this package distinguishes."""

    LOCKED = "locked"
    CONFLICT = "serialization failure or deadlock"
    CANCELLED = "cancelled by the server"
    DISCONNECTED = "connection lost"
    UNIQUE = "unique constraint"
    FOREIGN_KEY = "foreign key constraint"
    CHECK = "check constraint"
    NOT_NULL = "not null constraint"
    TRIGGER = "refused by a trigger"
    FULL = "disk full"
    IO = "input/output error"
    CORRUPT = "damaged file"
    RESOURCES = "the server lacks memory or another resource"
    READ_ONLY = "read-only"
    FORBIDDEN = "a right is missing"
    MIXED_SESSIONS = "a prepared statement was lost"
    NOT_A_DATABASE = "not a database"
    CANNOT_OPEN = "cannot be opened"
    NO_LOCKS = "locks do not work"
    OTHER = "other"


REFUSED: Final = frozenset({Fault.LOCKED, Fault.CONFLICT, Fault.CANCELLED})
"""Faults after which the transaction is certainly not committed and may succeed if repeated."""

RETRYABLE: Final = REFUSED | {Fault.DISCONNECTED}
"""Faults after which the transaction may succeed if repeated, unless COMMIT itself got lost."""

STALE: Final = frozenset({Fault.UNIQUE, Fault.FOREIGN_KEY})
"""Faults that a stale prefetch can explain."""

# https://www.sqlite.org/rescode.html: the low byte is the primary code. So BUSY covers
# BUSY_RECOVERY, BUSY_SNAPSHOT and BUSY_TIMEOUT, and LOCKED covers its shared-cache and vtab forms.
_SQLITE_PRIMARY: Final = {
    5: Fault.LOCKED,
    6: Fault.LOCKED,
    8: Fault.READ_ONLY,
    10: Fault.IO,
    11: Fault.CORRUPT,
    13: Fault.FULL,
    14: Fault.CANNOT_OPEN,
    15: Fault.NO_LOCKS,  # SQLITE_PROTOCOL, which SQLite answers after it has tried for 10 s
    26: Fault.NOT_A_DATABASE,
}
_SQLITE_CONSTRAINT: Final = {
    275: Fault.CHECK,
    787: Fault.FOREIGN_KEY,
    1299: Fault.NOT_NULL,
    1555: Fault.UNIQUE,  # primary key
    1811: Fault.TRIGGER,
    2067: Fault.UNIQUE,
    2579: Fault.UNIQUE,  # rowid
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SQLSTATE: Final = {
    "40000": Fault.CONFLICT,
    "40001": Fault.CONFLICT,
    "40P01": Fault.CONFLICT,
    "55P03": Fault.LOCKED,
    # The server, the database or the role has no connection left. When psycopg fails to connect,
    # it gives no code, and the fault counts as a lost connection: both are retried.
    "53300": Fault.LOCKED,
    # statement_timeout, or an administrator. A statement of ours takes that long only if it waits.
    "57014": Fault.CANCELLED,
    "23505": Fault.UNIQUE,
    "23503": Fault.FOREIGN_KEY,
    "23514": Fault.CHECK,
    "23502": Fault.NOT_NULL,
    "53100": Fault.FULL,
    "53000": Fault.RESOURCES,
    "53200": Fault.RESOURCES,
    "53400": Fault.RESOURCES,
    "58030": Fault.IO,
    "58P01": Fault.IO,
    "XX001": Fault.CORRUPT,
    "XX002": Fault.CORRUPT,
    "25006": Fault.READ_ONLY,
    "42501": Fault.FORBIDDEN,
    # The server ended the session. 57P01 to 57P05: it stops, starts, drops the database, or the
    # session was idle too long. 25P03 and 25P04: the transaction was idle or long.
    "57P01": Fault.DISCONNECTED,
    "57P02": Fault.DISCONNECTED,
    "57P03": Fault.DISCONNECTED,
    "57P04": Fault.DISCONNECTED,
    "57P05": Fault.DISCONNECTED,
    "25P03": Fault.DISCONNECTED,
    "25P04": Fault.DISCONNECTED,
    # A pooler has sent our prepared statement to another session.
    "26000": Fault.MIXED_SESSIONS,
    "42P05": Fault.MIXED_SESSIONS,
}


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's own error inside SQLAlchemy's, or the error itself."""
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        return error.orig
    return error


def code_of(error: BaseException) -> str | None:
    """Return the driver's code: SQLite's name for it, or the five characters of a SQLSTATE."""
    origin = driver_error(error)
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return None if code is None else str(code)


def fault_of(error: BaseException) -> Fault:
    """Classify an error of SQLAlchemy, sqlite3 or psycopg."""
    if isinstance(error, exc.TimeoutError):  # the pool had no free connection
        return Fault.LOCKED
    origin = driver_error(error)
    number = getattr(origin, "sqlite_errorcode", None)
    if number is not None:
        return _SQLITE_CONSTRAINT.get(number) or _SQLITE_PRIMARY.get(number & 0xFF, Fault.OTHER)
    state = getattr(origin, "sqlstate", None)
    if state is not None:
        known = _SQLSTATE.get(state)
        return known or (Fault.DISCONNECTED if state.startswith("08") else Fault.OTHER)
    if isinstance(error, exc.DBAPIError) and (
        error.connection_invalidated
        or (isinstance(error, exc.OperationalError) and _is_psycopg(origin))
    ):
        return Fault.DISCONNECTED
    if _is_psycopg(origin) and type(origin).__name__ == "OperationalError":
        return Fault.DISCONNECTED
    return Fault.OTHER


def _is_psycopg(error: BaseException) -> bool:
    return type(error).__module__.startswith("psycopg")


def comes_from(error: BaseException, engine: sa.Engine) -> bool:
    """Return whether a connection of `engine`, or its pool, raised the error. Any thread.

    A program may use several databases in one block, and SQLAlchemy's errors do not name their
    engine. So this function searches the frames of the traceback. A `handle_error` listener would
    know the engine too, but rows are not sent straight to the driver when the engine has listeners.
    """
    pool = engine.pool
    for frame, _ in walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        if owner is pool or (isinstance(owner, sa.Connection) and owner.engine.pool is pool):
            return True
    return False
