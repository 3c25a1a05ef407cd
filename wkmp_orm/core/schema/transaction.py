"""Runs a schema change in one transaction that excludes all other writers, and checks it."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from wkmp_orm.core.engine.factory import create_writer_engine, disposing
from wkmp_orm.core.engine.faults import Fault, driver_error, fault_of
from wkmp_orm.core.engine.retry import retrying
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.ticket import turn_to_write
from wkmp_orm.core.engine.translate_errors import write_error
from wkmp_orm.core.errors import (
    DatabaseUnavailableError,
    LockTimeoutError,
    SchemaError,
    WkmpOrmError,
)
from wkmp_orm.core.schema.alone import silence_about_indexes
from wkmp_orm.core.schema.foreign_keys import broken_references, refuse_dangling_references

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    import sqlalchemy as sa

PATIENCE_S: Final = 60.0
"""How long, in seconds, opening a library waits for another program that creates or upgrades it."""

LOCK_TIMEOUT_MS: Final = 5_000
"""How long one statement waits for a table: later users of the table queue behind it."""

ADVISORY_LOCK: Final = 0x776B6D705F6F726D  # "wkmp_orm" as a 64-bit integer
"""The key of the advisory lock by which migrations of one PostgreSQL schema exclude each other."""


@contextmanager
def migration_transaction(
    target: DatabaseTarget, engine: sa.Engine, tables: AbstractSet[str]
) -> Iterator[sa.Connection]:
    """Begin a transaction that excludes every other migration, and commit it at the end.

    On SQLite foreign keys are off in it and are checked before its commit; foreign keys that were
    broken before are accepted unless they are from or to `tables`. `engine` is a writer engine.

    Raises LockTimeoutError if others write or migrate for longer than PATIENCE_S, and SchemaError
    if rows refer to missing rows or the database refuses a change; then nothing is changed. Any
    thread may call.
    """
    with engine.connect() as connection, _foreign_keys_off(connection):
        started = time.monotonic()
        try:
            with _begin_alone(connection, started + PATIENCE_S):
                if connection.dialect.name != "sqlite":
                    yield connection
                    return
                before = broken_references(connection)
                yield connection
                refuse_dangling_references(target, connection, tables, before)
        except DBAPIError as error:
            raise _in_our_words(target, error, time.monotonic() - started) from error


@contextmanager
def migration_connection(
    database: str | os.PathLike[str] | DatabaseTarget, tables: AbstractSet[str]
) -> Iterator[sa.Connection]:
    """Yield a connection in a `migration_transaction`, for the `env.py` of an alembic environment.

    It waits for its turn to write first, and closes everything at the end. It makes no backup.
    Raises the errors of `migration_transaction`, and ConfigurationError if the database cannot be
    used.
    """
    target = database if isinstance(database, DatabaseTarget) else DatabaseTarget.parse(database)
    with (
        disposing(create_writer_engine(target)) as engine,
        turn_to_write(target.path, phase="alembic", patience_ms=PATIENCE_S * 1000),
        migration_transaction(target, engine, tables) as connection,
        silence_about_indexes(),
    ):
        yield connection


@contextmanager
def _foreign_keys_off(connection: sa.Connection) -> Iterator[None]:
    """Switch foreign keys off, which SQLite allows only outside a transaction.

    With them on, rebuilding a table would delete every row that refers to it ON DELETE CASCADE.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    # Use the driver: the first statement of a SQLAlchemy connection begins a transaction.
    cursor = connection.connection.cursor()
    (before,) = cursor.execute("PRAGMA foreign_keys").fetchone()
    cursor.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        # SQLAlchemy closes a connection whose COMMIT is interrupted. The pool does not get it back,
        # and the driver's error about a closed connection would hide the KeyboardInterrupt.
        if not connection.invalidated:
            cursor.execute(f"PRAGMA foreign_keys = {before}")
            cursor.close()


def _begin_alone(connection: sa.Connection, deadline: float) -> sa.RootTransaction:
    """Begin a write transaction; retry until the deadline while others write."""

    def begin() -> sa.RootTransaction:
        try:
            transaction = connection.begin()
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        except DBAPIError:
            connection.rollback()
            raise
        return transaction

    locked = frozenset({Fault.LOCKED})
    return retrying("schema", deadline=deadline, faults=locked, log_level=logging.DEBUG)(begin)


def _in_our_words(target: DatabaseTarget, error: DBAPIError, waited_s: float) -> WkmpOrmError:
    fault = fault_of(error)
    if fault is Fault.LOCKED:
        message = (
            f"{target} was in use by another program for {waited_s:.0f} s, so its schema"
            " could not be changed; nothing was changed. Stop that program, or try again"
        )
        return LockTimeoutError(message, waited_ms=waited_s * 1000)
    if fault is Fault.DISCONNECTED:
        message = (
            f"the connection to {target} was lost while its schema was being changed. The change is"
            " complete or not there at all: open it again to see which"
        )
        return DatabaseUnavailableError(message)
    refused = write_error(target, error, write="schema")
    # Only the first line: PostgreSQL's details quote the row.
    said = str(driver_error(error)).partition("\n")[0]
    return refused or SchemaError(
        f"the schema of {target} could not be changed, and nothing was changed: {said}"
    )
