"""Errors of the two drivers as real failures raise them, with the connection left as they do.

Knows sqlite3, psycopg and what their databases do on a failure; must not know who asked for it.

On PostgreSQL nothing is imitated: the server itself raises the error, or the socket is cut.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    from .faults import Call, ErrorFactory

# Seen on SQLite 3.40.1 with max_page_count: in_transaction is False after SQLITE_FULL, and the
# rows of the whole transaction are gone. https://sqlite.org/lang_transaction.html lists these.
_ENDS_TRANSACTION = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_INTERRUPT")


def sqlite_error(name: str, message: str) -> ErrorFactory:
    """Return SQLite's error of a name such as "SQLITE_BUSY_SNAPSHOT" (sqlite3 has them all)."""

    def fail(call: Call) -> BaseException:
        if call.connection is not None and name.startswith(_ENDS_TRANSACTION):
            call.connection.rollback()
        error: BaseException = call.driver.OperationalError(message)
        vars(error).update(sqlite_errorcode=getattr(sqlite3, name), sqlite_errorname=name)
        return error

    return fail


database_locked = sqlite_error("SQLITE_BUSY", "database is locked")
"""Another connection holds the lock. Real at BEGIN IMMEDIATE, and at a COMMIT without WAL."""

snapshot_too_old = sqlite_error("SQLITE_BUSY_SNAPSHOT", "database is locked")
"""Somebody committed between this transaction's first read and its first write."""

disk_full = sqlite_error("SQLITE_FULL", "database or disk is full")
"""No room for another page; SQLite has rolled back."""

disk_error = sqlite_error("SQLITE_IOERR_WRITE", "disk I/O error")
"""A page could not be written; SQLite has rolled back."""


def server_error(sqlstate: str) -> ErrorFactory:
    """Return the error that PostgreSQL raises for a SQLSTATE; the transaction is aborted."""

    def fail(call: Call) -> BaseException:
        message = f"ordered by the test, at call {call.number}"
        if call.connection is None:
            return psycopg.errors.lookup(sqlstate)(message)
        raising = f"DO $$BEGIN RAISE SQLSTATE '{sqlstate}' USING MESSAGE = '{message}'; END$$"
        error = _error_of(lambda: call.connection.execute(raising).fetchone())
        if call.kind == "commit":  # after a refused COMMIT the server is in no transaction
            call.connection.rollback()
        return error

    return fail


serialization_failure = server_error("40001")
deadlock_detected = server_error("40P01")
lock_not_available = server_error("55P03")


def connection_lost(call: Call) -> BaseException:
    """Cut the connection to PostgreSQL, without a word from the server (no SQLSTATE)."""
    if call.connection is None:
        return _error_of(lambda: psycopg.connect(host="/nonexistent"))
    with socket.socket(fileno=os.dup(call.connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
    return _error_of(lambda: call.connection.execute("SELECT 1").fetchone())


def connection_terminated(call: Call) -> BaseException:
    """Let PostgreSQL end the connection, as an administrator's restart does (57P01)."""
    if call.connection is None:
        return _error_of(lambda: psycopg.connect(host="/nonexistent"))
    terminating = "SELECT pg_terminate_backend(pg_backend_pid())"
    return _error_of(lambda: call.connection.execute(terminating).fetchone())


def process_killed(call: Call) -> BaseException:
    """Kill this process as `kill -9` does; for use inside a process of its own."""
    os.kill(os.getpid(), signal.SIGKILL)
    return SystemExit(f"SIGKILL did not end the process at call {call}")


def _error_of(action: Callable[[], object]) -> BaseException:
    """Return the error of an action, which fetches: in a pipeline nothing else waits for it."""
    try:
        action()
    except psycopg.Error as error:
        return error
    msg = "the database did not fail as ordered"
    raise AssertionError(msg)
