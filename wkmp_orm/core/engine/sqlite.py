"""Creates the SQLite engines: PRAGMAs on every connection, verified, and our own BEGIN."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from operator import length_hint
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from wkmp_orm.core.engine.driver_cursor import DriverCursor
from wkmp_orm.core.engine.faults import Fault
from wkmp_orm.core.engine.open_files import forget_closed, refuse_unsafe_opening, remember_open
from wkmp_orm.core.engine.own_files import refuse_strange_files
from wkmp_orm.core.engine.place import is_mounted_read_only, may
from wkmp_orm.core.engine.retry import retrying
from wkmp_orm.core.errors import ConfigurationError, DatabaseUnavailableError
from wkmp_orm.core.remedies import install

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

    from wkmp_orm.core.engine.options import EngineOptions, SqliteDriver

WRITER_CONNECTIONS: Final = 4
"""One connection writes at a time; the others look up rows for the next writes."""

NO_BEGIN: Final = {"sqlite_begin": ""}
"""Execution options for a connection that reads outside any transaction."""

UNSEEN_BEGIN: Final = {"sqlite_begin_unseen": True}
"""Execution options for a connection whose BEGIN goes straight to the driver (no listeners)."""

LOG_BYTES_KEPT: Final = 64 * 1024 * 1024
"""SQLite truncates the write-ahead log to this size, in bytes, after a checkpoint."""

STATEMENT_CACHE: Final = 256
"""Prepared statements that a connection keeps; the phases use more than the driver's 128."""


def create_sqlite_engine(path: Path, options: EngineOptions, *, writer: bool) -> sa.Engine:
    """Create the engine of the writers or of the readers; nothing is opened yet."""
    module = _driver(options.sqlite_driver)
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        creator=_opener(module, path, options),
        module=module,
        poolclass=QueuePool,
        pool_size=WRITER_CONNECTIONS if writer else options.reader_pool_size,
        max_overflow=0 if writer else 4,
        pool_timeout=options.max_lock_wait_ms / 1000,
        pool_use_lifo=True,  # a writer gets the connection that has just read the same rows
        hide_parameters=True,  # values include web services' API keys, and tracebacks go to logs
    )
    engine.dialect.do_executemany = _executemany  # type: ignore[assignment,method-assign]

    @sa.event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        try:
            _set_pragmas(connection, options, writer=writer)
        except BaseException:  # the pool would leave it to the garbage collector
            forget_closed(connection)
            connection.close()
            raise

    @sa.event.listens_for(engine, "close")
    def close(connection: Any, _record: object) -> None:
        forget_closed(connection)

    usual_begin = "BEGIN IMMEDIATE" if writer else "BEGIN"

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        statement = options.get("sqlite_begin", usual_begin)
        if options.get("sqlite_begin_unseen"):
            with DriverCursor(connection) as cursor:
                cursor.execute(statement)
        elif statement:
            connection.exec_driver_sql(statement)

    return engine


def _opener(module: Any, path: Path, options: EngineOptions) -> Callable[[], Any]:
    """Return the function that opens one connection to the file."""
    arguments: dict[str, Any] = {
        # The driver must not begin transactions: it would emit a deferred BEGIN, and a write after
        # a read could fail immediately with SQLITE_BUSY_SNAPSHOT.
        "isolation_level": None,
        "check_same_thread": False,
        "cached_statements": STATEMENT_CACHE,
        "uri": True,
    }
    if hasattr(module, "LEGACY_TRANSACTION_CONTROL"):  # Python 3.16 changes the default
        arguments["autocommit"] = module.LEGACY_TRANSACTION_CONTROL

    class Connection(module.Connection):  # type: ignore[misc]
        """The driver's connection, subclassed because the original has no weak references."""

    def connect() -> Connection:
        refuse_strange_files(path, with_locks=False)
        refuse_unsafe_opening(path, options.sqlite_driver)
        timeout = options.lock_retry_ms / 1000
        must_exist = "" if options.create or options.read_only else "?mode=rw"
        uri = _file_uri(path, read_only=options.read_only) + must_exist
        connection = module.connect(uri, timeout=timeout, factory=Connection, **arguments)
        remember_open(connection, path, options.sqlite_driver)
        return connection  # type: ignore[no-any-return]

    return connect


def _executemany(cursor: Any, statement: str, rows: Sequence[Any], _context: Any = None) -> None:
    """Execute a statement for all rows; an error gets the failed row's index as `failed_row`.

    The driver consumes one row at a time, so the last consumed row is the one that failed.
    """
    left = iter(rows)
    try:
        cursor.executemany(statement, left)
    except Exception as error:
        error.failed_row = len(rows) - length_hint(left) - 1  # type: ignore[attr-defined]
        raise


def _file_uri(path: Path, *, read_only: bool) -> str:
    uri = "file:" + quote(os.fsencode(path))
    if not read_only:
        return uri
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    # SQLite cannot create a -shm file on read-only media. If there is no log beside the file, the
    # file is the whole database and may be opened as immutable. A folder that only this user cannot
    # write is different: others may write, and an immutable file never shows their changes.
    if is_mounted_read_only(path.parent):
        return uri + ("?mode=ro" if log.exists() else "?mode=ro&immutable=1")
    if (
        may(path, os.R_OK)
        and not may(path.parent, os.W_OK)
        and not (log.exists() and index.exists())
    ):
        msg = (
            f"{path} cannot be read now: SQLite keeps the index of its log beside it, and this user"
            " cannot write that folder. Give this user write permission, read while a program that"
            " can write has the database open, or copy the database"
        )
        raise DatabaseUnavailableError(msg)
    return uri + "?mode=ro"


def _set_pragmas(connection: Any, options: EngineOptions, *, writer: bool) -> None:
    pragmas: list[tuple[str, str, object]] = [
        # First, so that the statements below also wait for a lock.
        ("busy_timeout", str(options.lock_retry_ms), options.lock_retry_ms),
        ("foreign_keys", "ON", 1),
        # Without WAL, readers and the writer block each other. With NORMAL a power cut can lose the
        # last commits but never a part of one; FULL waits for the disk at every commit.
        ("synchronous", options.synchronous, 2 if options.synchronous == "FULL" else 1),
        # A long read lets the log grow; without a limit the file keeps its largest size.
        ("journal_size_limit", str(LOG_BYTES_KEPT), LOG_BYTES_KEPT),
        # All others keep SQLite's defaults, which were fastest for 12,000 recordings of 24
        # passages: cache_size of 8, 16 and 64 MB took 14.9 to 15.1 s instead of 14.7, mmap_size
        # 16.4 s, page_size of 2, 8 and 16 KiB 21.2, 14.8 and 19.5 s instead of 14.4 (8,000).
    ]
    if writer:
        pragmas.append(("wal_autocheckpoint", "0", 0))  # `Checkpointer` does it after a commit
    else:
        pragmas.append(("query_only", "ON", 1))
    cursor = connection.cursor()
    try:
        if not options.read_only:
            _use_wal(cursor, options)
        for name, value, expected in pragmas:
            cursor.execute(f"PRAGMA {name} = {value}").fetchall()
            stored = cursor.execute(f"PRAGMA {name}").fetchone()[0]
            if stored != expected:
                msg = f"PRAGMA {name} = {value} had no effect: SQLite answers {stored!r}"
                raise DatabaseUnavailableError(msg)
        for statement in options.writer_statements if writer else ():
            cursor.execute(statement)
    finally:
        cursor.close()


def _use_wal(cursor: Any, options: EngineOptions) -> None:
    """Switch the file to WAL mode; retry while others do the same (no busy handler here)."""

    def turn() -> str:
        mode: str = cursor.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        return mode

    loop = retrying(
        "journal_mode = WAL",
        deadline=time.monotonic() + options.max_lock_wait_ms / 1000,
        dialect="sqlite",
        faults=frozenset({Fault.LOCKED}),
        log_level=logging.DEBUG,
    )
    mode = loop(turn)
    if mode != "wal":
        msg = (
            f"journal_mode = WAL had no effect: SQLite answers {mode!r};"
            " the file system may not support shared memory (network drives do not):"
            " put the database on a local disk"
        )
        raise DatabaseUnavailableError(msg)


def _driver(name: SqliteDriver) -> ModuleType:
    if name == "sqlite3":
        return sqlite3
    try:
        from pysqlite3 import dbapi2  # noqa: PLC0415  an optional package, asked for by name
    except ImportError as error:
        msg = "sqlite_driver='pysqlite3' needs its package"
        raise ConfigurationError(msg, install("pysqlite3")) from error
    return dbapi2  # type: ignore[no-any-return]
