"""Executes statements on the driver's own cursor, without SQLAlchemy in between.

A few statements are sent thousands of times. `exec_driver_sql` adds 10 us to each of them, and
30 us to a SELECT: together a fifth of the time of a recording of 24 passages. Listeners on the
engine do not see these statements. The errors are the ones that SQLAlchemy would raise.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.exc import DBAPIError

from wkmp_orm.core.engine.pipeline import unclocked_cursor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    import sqlalchemy as sa


class DriverCursor:
    """A cursor of one connection for the length of a `with` block, in the connection's thread."""

    __slots__ = ("_cursor", "connection", "dialect")

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self._cursor: Any = connection.connection.cursor()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        # An open cursor keeps its last statement alive. After a failed COMMIT that statement would
        # keep SQLite's connection, and its lock, beyond the connection's close.
        self._cursor.close()

    def fetch(self, text: str, parameters: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        """Execute a SELECT and return its rows, as the driver reads them."""
        try:
            self.dialect.do_execute(self._cursor, text, parameters, None)
            rows: Sequence[Sequence[Any]] = self._cursor.fetchall()
        except self.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(text, error) from error
        return rows

    def fetch_many(
        self, statements: Sequence[tuple[str, tuple[Any, ...]]]
    ) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs and return the rows of each: on PostgreSQL in one round trip."""
        if len(statements) == 1 or self.dialect.name != "postgresql":
            return [self.fetch(text, parameters) for text, parameters in statements]
        driver: Any = self.connection.connection.dbapi_connection
        with self.wrapping(statements[0][0]):
            with driver.pipeline():
                cursors = [unclocked_cursor(driver) for _ in statements]
                for cursor, (text, parameters) in zip(cursors, statements, strict=True):
                    self.dialect.do_execute(cursor, text, parameters, None)
            return [cursor.fetchall() for cursor in cursors]

    def executemany(self, text: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Execute a statement once for all rows; return how many rows it matched."""
        try:
            self.dialect.do_executemany(self._cursor, text, rows, None)
            matched: int = self._cursor.rowcount
        except self.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(text, error) from error
        return matched

    def execute(self, text: str, parameters: tuple[Any, ...] | None = None) -> int:
        """Execute a statement once; return how many rows it matched."""
        try:
            if parameters is None:
                self.dialect.do_execute_no_params(self._cursor, text, None)
            else:
                self.dialect.do_execute(self._cursor, text, parameters, None)
            matched: int = self._cursor.rowcount
        except self.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(text, error) from error
        return matched

    def copy(self, text: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Send rows through a COPY ... FROM STDIN (PostgreSQL)."""
        with self.wrapping(text), self._cursor.copy(text) as copy:
            for row in rows:
                copy.write_row(row)

    @contextmanager
    def wrapping(self, text: str) -> Iterator[None]:
        """Turn a driver's error in a block into SQLAlchemy's; `text` is the statement."""
        try:
            yield
        except self.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(text, error) from error

    def _wrapped(self, text: str, error: Any) -> BaseException:
        """Return SQLAlchemy's error for the driver's; invalidate a lost connection as it does."""
        engine = self.connection.engine
        is_lost = self.dialect.is_disconnect(
            error, self.connection.connection.dbapi_connection, self._cursor
        )
        if is_lost:
            lost = self.connection.connection
            self.connection.invalidate(error)
            # When one connection is lost, the idle ones are lost too. `dispose` would be wrong:
            # connections that are in use elsewhere would lose their pool and never be closed.
            engine.pool._invalidate(lost, error)
        wrapped: BaseException = DBAPIError.instance(
            text,
            None,
            error,
            self.dialect.loaded_dbapi.Error,
            hide_parameters=engine.hide_parameters,
            connection_invalidated=is_lost,
            dialect=self.dialect,
        )
        return wrapped
