"""Shares one SQLite connection among the write transactions of all threads.

An SQLite connection drops its cached pages as soon as another connection writes. With
four equal connections 16 threads were 0.75 times as fast as one thread alone; with one shared
connection they are 0.85 times as fast, and holds are shorter.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from wkmp_orm.core.engine.sqlite import UNSEEN_BEGIN

if TYPE_CHECKING:
    import sqlalchemy as sa


class SharedConnection:
    """Lends one connection of an engine to one thread at a time. Any thread may call.

    Without listeners on the engine, the connection stays checked out of the pool. Checking it out
    and in twice for each flush, and sending BEGIN through SQLAlchemy, took 120 of the 240 us that a
    flush spends outside its statements.
    """

    def __init__(self, engine: sa.Engine, *, is_listened_to: bool) -> None:
        """Connect at the first `take`."""
        self._engine = engine
        self._is_kept = not is_listened_to
        self._in_use = threading.Lock()
        self._kept: sa.Connection | None = None
        self._is_closed = False

    def take(self, *, patience_s: float) -> sa.Connection | None:
        """Take the connection until `give_back`; None if it is in use for over `patience_s`."""
        if not self._in_use.acquire(timeout=patience_s):
            return None
        try:
            return self._connected()
        except BaseException:
            self._in_use.release()
            raise

    def _connected(self) -> sa.Connection:
        kept = self._kept
        if kept is not None and not (kept.closed or kept.invalidated):
            return kept
        self._let_go()
        connection = self._engine.connect()
        if self._is_kept and not self._is_closed:
            self._kept = connection.execution_options(**UNSEEN_BEGIN)
        return connection

    def give_back(self, connection: sa.Connection) -> None:
        """Let the next thread have the connection."""
        try:
            if connection is not self._kept:
                if self._is_closed:  # the engine is disposed; its pool would keep this open
                    connection.invalidate()
                connection.close()
            elif not connection.invalidated:
                _end_transactions(connection)
        finally:
            self._in_use.release()

    def close(self, *, patience_s: float) -> None:
        """Close the connection; if it is in use for over `patience_s`, `give_back` closes it."""
        self._is_closed = True
        if not self._in_use.acquire(timeout=patience_s):
            self._kept = None
            return
        try:
            self._let_go()
        finally:
            self._in_use.release()

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


def _end_transactions(connection: sa.Connection) -> None:
    """Roll back transactions that the last user left open, as a pool does."""
    driver: Any = connection.connection.dbapi_connection
    try:
        if connection.in_transaction():
            connection.rollback()
        if driver.in_transaction:  # a BEGIN took effect although it answered with an error
            driver.rollback()
    except Exception as error:  # noqa: BLE001  a pool also closes a connection that cannot roll back
        connection.invalidate(error)
