"""Every fault is told by the driver's code: the real ones by meeting them, the rest by number."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import make_url

from tests.concurrency.foreign_locks import locked
from tests.flush.recordings import LONG_AGO, mbid
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.faults import (
    REFUSED,
    RETRYABLE,
    STALE,
    Fault,
    code_of,
    driver_error,
    fault_of,
)
from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Database
    from wkmp_orm import Library

SONG = {"guid": mbid(9, 1), "recording_mbid": mbid(2, 1)}
FILE = {"guid": mbid(9, 2), "path": "a.flac", "modification_time": LONG_AGO}

SQLITE = {
    "SQLITE_BUSY": Fault.LOCKED,
    "SQLITE_BUSY_RECOVERY": Fault.LOCKED,
    "SQLITE_BUSY_SNAPSHOT": Fault.LOCKED,
    "SQLITE_BUSY_TIMEOUT": Fault.LOCKED,
    "SQLITE_LOCKED": Fault.LOCKED,
    "SQLITE_LOCKED_SHAREDCACHE": Fault.LOCKED,
    "SQLITE_LOCKED_VTAB": Fault.LOCKED,
    "SQLITE_READONLY": Fault.READ_ONLY,
    "SQLITE_READONLY_DIRECTORY": Fault.READ_ONLY,
    "SQLITE_READONLY_DBMOVED": Fault.READ_ONLY,
    "SQLITE_IOERR": Fault.IO,
    "SQLITE_IOERR_FSYNC": Fault.IO,
    "SQLITE_IOERR_SHMMAP": Fault.IO,
    "SQLITE_CORRUPT": Fault.CORRUPT,
    "SQLITE_CORRUPT_INDEX": Fault.CORRUPT,
    "SQLITE_FULL": Fault.FULL,
    "SQLITE_CANTOPEN": Fault.CANNOT_OPEN,
    "SQLITE_CANTOPEN_ISDIR": Fault.CANNOT_OPEN,
    "SQLITE_NOTADB": Fault.NOT_A_DATABASE,
    "SQLITE_CONSTRAINT_CHECK": Fault.CHECK,
    "SQLITE_CONSTRAINT_FOREIGNKEY": Fault.FOREIGN_KEY,
    "SQLITE_CONSTRAINT_NOTNULL": Fault.NOT_NULL,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Fault.UNIQUE,
    "SQLITE_CONSTRAINT_ROWID": Fault.UNIQUE,
    "SQLITE_CONSTRAINT_UNIQUE": Fault.UNIQUE,
    "SQLITE_CONSTRAINT_TRIGGER": Fault.TRIGGER,
    "SQLITE_ERROR": Fault.OTHER,
    "SQLITE_NOMEM": Fault.OTHER,
    "SQLITE_INTERRUPT": Fault.OTHER,
}
POSTGRESQL = {
    "40000": Fault.CONFLICT,
    "40001": Fault.CONFLICT,
    "40P01": Fault.CONFLICT,
    "55P03": Fault.LOCKED,
    "53300": Fault.LOCKED,
    "57014": Fault.CANCELLED,
    "08000": Fault.DISCONNECTED,
    "08006": Fault.DISCONNECTED,
    "08P01": Fault.DISCONNECTED,
    "57P01": Fault.DISCONNECTED,
    "57P02": Fault.DISCONNECTED,
    "57P03": Fault.DISCONNECTED,
    "57P04": Fault.DISCONNECTED,
    "57P05": Fault.DISCONNECTED,
    "25P03": Fault.DISCONNECTED,
    "25P04": Fault.DISCONNECTED,
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
    "26000": Fault.MIXED_SESSIONS,
    "42P05": Fault.MIXED_SESSIONS,
    "42P01": Fault.OTHER,
    "22003": Fault.OTHER,
}


def wrapped(error: Exception) -> exc.DBAPIError:
    return exc.DBAPIError("INSERT", {}, error)


@pytest.mark.parametrize(("name", "fault"), SQLITE.items())
def test_sqlite_codes_also_the_extended_ones(name: str, fault: Fault) -> None:
    error = sqlite3.OperationalError("database is locked, or so the text says")
    vars(error).update(sqlite_errorcode=getattr(sqlite3, name), sqlite_errorname=name)

    for seen in (error, wrapped(error)):
        assert (fault_of(seen), code_of(seen)) == (fault, name)
        assert driver_error(seen) is error


@pytest.mark.parametrize(("state", "fault"), POSTGRESQL.items())
def test_postgresql_codes(state: str, fault: Fault) -> None:
    error = type("ServerError", (psycopg.Error,), {"sqlstate": state})("connection lost")

    for seen in (error, wrapped(error)):
        assert (fault_of(seen), code_of(seen)) == (fault, state)


def test_what_is_no_error_of_a_driver_is_of_no_kind() -> None:
    for error in (ValueError("database is locked"), sqlite3.OperationalError("database is locked")):
        assert (fault_of(error), code_of(error)) == (Fault.OTHER, None)


def test_a_pool_without_a_free_connection_counts_as_locked() -> None:
    assert fault_of(exc.TimeoutError("QueuePool limit")) is Fault.LOCKED


def test_what_is_repeated_and_what_a_stale_look_explains() -> None:
    assert {Fault.LOCKED, Fault.CONFLICT, Fault.CANCELLED} == REFUSED
    assert {*REFUSED, Fault.DISCONNECTED} == RETRYABLE
    assert {Fault.UNIQUE, Fault.FOREIGN_KEY} == STALE


def insert(table: str, *rows: dict[str, Any]) -> Callable[[sa.Connection], object]:
    return lambda connection: connection.execute(Base.metadata.tables[table].insert(), [*rows])


REAL: dict[Fault, Callable[[sa.Connection], object]] = {
    Fault.UNIQUE: insert("songs", SONG, SONG | {"guid": mbid(9, 3)}),
    Fault.FOREIGN_KEY: insert("songs", SONG | {"work_id": mbid(9, 4)}),
    Fault.CHECK: insert("files", FILE | {"channels": 99}),
    Fault.NOT_NULL: insert("files", FILE | {"path": None}),
}


@pytest.mark.parametrize("fault", REAL, ids=lambda fault: fault.name)
def test_the_constraints_of_both_databases(library: Library, fault: Fault) -> None:
    with pytest.raises(exc.IntegrityError) as refused, library._writer.engine.begin() as connection:
        REAL[fault](connection)

    assert fault_of(refused.value) is fault


def test_a_lock_of_both_databases(database: Database, library: Library) -> None:
    library.options.lock_retry_ms = 50
    library.options.max_lock_wait_ms = 100
    engine = create_writer_engine(library.target, library.options)

    with (
        locked(database),
        pytest.raises(exc.OperationalError) as refused,
        engine.begin() as connection,
    ):
        insert("songs", SONG)(connection)
    engine.dispose()

    assert fault_of(refused.value) is Fault.LOCKED


def test_a_write_of_a_reader_on_both_databases(library: Library) -> None:
    with pytest.raises(exc.DBAPIError) as refused, library._readers.begin() as connection:
        insert("songs", SONG)(connection)

    assert fault_of(refused.value) is Fault.READ_ONLY


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Sinnerman, where you gonna run to? " * 100)

    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.Error) as refused:
        connection.execute("SELECT * FROM songs")

    assert fault_of(refused.value) is Fault.NOT_A_DATABASE


def test_a_connection_that_was_cut_and_one_that_never_was(postgresql_database: Database) -> None:
    url = make_url(postgresql_database.url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        with pytest.raises(psycopg.Error) as told:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(psycopg.Error) as silent:
            connection.execute("SELECT 1")
        connection.close()
    with pytest.raises(psycopg.Error) as nobody:
        psycopg.connect("host=/nonexistent")

    for error in (told, silent, nobody):
        assert fault_of(error.value) is Fault.DISCONNECTED
