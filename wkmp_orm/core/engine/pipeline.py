"""Sends many statements to PostgreSQL in one round trip, through psycopg's pipeline mode.

COPY cannot run in a pipeline.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.core.engine.driver_cursor import DriverCursor


def unclocked_cursor(driver: Any) -> Any:
    """Create a plain psycopg cursor, for a statement whose answer is read later.

    The connection's `ClockedCursor` would take the time of sending for a whole round trip.
    """
    from psycopg import Cursor  # noqa: PLC0415  an extra

    return Cursor(driver)


class Answer:
    """The answer to a statement in a pipeline; read it after `Pipeline.wait`."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def matched(self) -> int:
        """How many rows the statement matched, with all its parameter sets together."""
        return int(self._cursor.rowcount)

    def first(self) -> tuple[Any, ...] | None:
        """Return the first row of the answer."""
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row


class Pipeline:
    """The statements of one connection that were sent but not answered yet.

    BEGIN goes out with the first statement. psycopg would wait for its own BEGIN, so the connection
    is in autocommit mode until `Writer.transaction` ends. After an error the server skips all later
    statements of the pipeline. Lock waits are counted in `wait`. Only the connection's thread may
    call.
    """

    def __init__(self, cursor: DriverCursor) -> None:
        """Start with nothing sent; the first statement enters psycopg's pipeline."""
        from wkmp_orm.core.engine.lock_waits import clock_of  # noqa: PLC0415  needs the driver

        self._cursor = cursor
        self._driver: Any = cursor.connection.connection.dbapi_connection
        self._clock = clock_of(self._driver)
        self._entered = ExitStack()
        self._is_open = False
        self._has_begun = False
        self._rows = 0

    def send(self, text: str, parameters: tuple[Any, ...], rows: int = 1) -> Answer:
        """Send a statement that writes `rows` rows."""
        with self._cursor.wrapping(text):
            cursor = self._new_cursor()
            self._cursor.dialect.do_execute(cursor, text, parameters, None)
        self._rows += rows
        return Answer(cursor)

    def send_many(self, text: str, rows: Sequence[tuple[Any, ...]]) -> Answer:
        """Send a statement once for all rows."""
        with self._cursor.wrapping(text):
            cursor = self._new_cursor()
            self._cursor.dialect.do_executemany(cursor, text, rows, None)
        self._rows += len(rows)
        return Answer(cursor)

    def _new_cursor(self) -> Any:
        if not self._is_open:
            self._enter()
        return unclocked_cursor(self._driver)

    def _enter(self) -> None:
        if not self._has_begun:
            self._driver.autocommit = True  # psycopg would wait first if it were in the pipeline
        self._entered.enter_context(self._driver.pipeline())
        self._is_open = True
        if not self._has_begun:
            self._begin()
        limit_ms = self._clock.new_limit_ms()
        if limit_ms is not None:
            unclocked_cursor(self._driver).execute(f"SET LOCAL lock_timeout = {limit_ms}")

    def _begin(self) -> None:
        unclocked_cursor(self._driver).execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        self._has_begun = True

    @property
    def is_open(self) -> bool:
        """Whether something was sent that was not waited for."""
        return self._is_open

    def wait(self) -> None:
        """Wait for the answers to all sent statements. Raises the first error among them."""
        if not self._is_open:
            return
        self._is_open = False
        started = time.perf_counter()
        try:
            with self._cursor.wrapping(""):
                self._entered.close()
        finally:
            self._clock.took(time.perf_counter() - started, self._rows)
            self._rows = 0

    def give_up(self) -> None:
        """Leave the pipeline after an error, and ignore the remaining answers."""
        with suppress(Exception):
            self.wait()

    def begin_again(self) -> None:
        """Roll back and begin a new transaction."""
        with self._cursor.wrapping("ROLLBACK"):
            self._driver.rollback()
            self._begin()
