"""The two ways to send rows and parameters in an open transaction. Their results are equal.

`SessionSender` uses SQLAlchemy's Session and Core, so listeners on the engine see every statement.
`DriverSender` passes tuples to the driver, which is two to three times as fast, because it avoids
SQLAlchemy's work per row: `construct_params` and `_collect_insert_commands` were on top of the
profile. `postgresql_senders` extends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sqlalchemy.orm import Session

from wkmp_orm.core.engine.pipeline import Answer
from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.prepared import prepared, prepared_again, prepared_insert
from wkmp_orm.core.flush.row_builder import dictionaries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.changes import PendingRow
    from wkmp_orm.core.flush.row_builder import KeySet


@dataclass(frozen=True, slots=True)
class Batch:
    """The parameters of an executemany that is not an INSERT of rows: all values by parameter.

    They are stored by column, because a whole column is read and converted at once.
    """

    size: int
    columns: Mapping[str, Sequence[Any]]

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary of parameters for each row."""
        names = tuple(self.columns)
        return [
            dict(zip(names, values, strict=True))
            for values in zip(*self.columns.values(), strict=True)
        ]

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Batch:
        """Turn dictionaries that have the same keys into columns."""
        names = tuple(rows[0])
        if len(names) < 2:  # with one name an itemgetter returns no tuple
            return cls(len(rows), {name: [row[name] for row in rows] for name in names})
        columns = zip(*map(itemgetter(*names), rows), strict=True)
        return cls(len(rows), dict(zip(names, columns, strict=True)))


COUNTED = {"preserve_rowcount": True}

Matched: TypeAlias = int | Answer
"""How many rows a statement matched, or an object that has the number after `wait`."""


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT and its parameters. The statement must be a constant, so that it is compiled once.

    `are_checked` means that the parameters already have the form that the column types store.
    """

    statement: sa.Executable
    parameters: Mapping[str, Any]
    are_checked: bool = False


class Sender(Protocol):
    """The interface of a sender, which uses one connection.

    `keys` is the key set of all rows, `now` the flush's time, for columns that default to it.
    """

    cursor: DriverCursor

    def lock(self, names: Sequence[str]) -> None:
        """Take named locks until COMMIT, in their order (PostgreSQL)."""

    def wait(self) -> None:
        """Wait until everything sent has been answered."""

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no other writer can have inserted."""

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> Matched:
        """Insert rows whose natural key does not exist, and return how many were inserted."""

    def execute(self, statement: sa.Executable, batch: Batch) -> Matched:
        """Execute a statement once for all rows and return how many it matched."""

    def run(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> Matched:
        """Execute a program's own statement for all rows and return how many it matched."""

    def fetch(self, queries: Sequence[Query]) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs and return the rows of each."""


class SessionSender:
    """Uses `Session.bulk_insert_mappings` for new rows, and Core's executemany otherwise."""

    def __init__(self, cursor: DriverCursor) -> None:
        self.cursor = cursor
        self._connection = cursor.connection

    def lock(self, names: Sequence[str]) -> None:
        """Take named locks until COMMIT, in their order (PostgreSQL)."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(statements.advisory_locks(), {"names": list(names)})

    def wait(self) -> None:
        """Do nothing: each statement has been waited for."""

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no other writer can have inserted, in one executemany."""
        # Without render_nulls, rows with NULL in different columns become separate executions:
        # 5,000 for 5,000 alternating rows.
        with Session(self._connection) as session:
            session.bulk_insert_mappings(
                keys.info.model, dictionaries(rows, keys, now), render_nulls=True
            )

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> int:
        """Insert rows whose natural key does not exist, in one executemany."""
        dialect = self._connection.dialect.name
        statement = statements.insert_if_absent(dialect, keys.info, keys.inserted)
        return self._executemany(statement, dictionaries(rows, keys, now, statements.SET))

    def execute(self, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""
        return self._executemany(statement, batch.rows())

    def run(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> int:
        """Execute a program's own statement for all rows and return how many it matched."""
        return run_by_sqlalchemy(self._connection, statement, rows)

    def fetch(self, queries: Sequence[Query]) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs, one after the other, and return the rows of each."""
        return [self._connection.execute(each.statement, each.parameters).all() for each in queries]

    def _executemany(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> int:
        return self._connection.execute(statement, rows, execution_options=COUNTED).rowcount


def run_by_sqlalchemy(
    connection: sa.Connection, statement: sa.Executable, rows: list[dict[str, Any]]
) -> int:
    """Execute any statement with SQLAlchemy alone."""
    result = connection.execute(statement, rows, execution_options=COUNTED)
    if result.returns_rows:  # SQLite's driver does not count the rows of a SELECT
        return len(result.all())
    return int(result.rowcount)


class DriverSender:
    """Sends tuples through the driver's executemany. Listeners on the engine do not see them."""

    def __init__(self, cursor: DriverCursor) -> None:
        self.cursor = cursor
        self._dialect = cursor.dialect.name

    def _send_many(self, text: str, rows: Sequence[tuple[Any, ...]]) -> Matched:
        return self.cursor.executemany(text, rows)

    def lock(self, names: Sequence[str]) -> None:
        """Do nothing: a writer to SQLite has locked the file."""

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no other writer can have inserted, in one executemany."""
        ready = prepared_insert(self._dialect, keys)
        self._send_many(ready.text, ready.make(rows, now))

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> Matched:
        """Insert rows whose natural key does not exist, in one executemany."""
        ready = prepared_insert(self._dialect, keys, if_absent=True)
        return self._send_many(ready.text, ready.make(rows, now))

    def execute(self, statement: sa.Executable, batch: Batch) -> Matched:
        """Execute a statement once for all rows and return how many it matched."""
        ready = prepared(statement, tuple(batch.columns), self._dialect)
        return self._send_many(ready.text, ready.tuples(batch))

    def run(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> Matched:
        """Execute a program's own statement for all rows and return how many it matched."""
        names = tuple(rows[0])
        ready = prepared_again(statement, names, self._dialect)
        if ready is None or any(row.keys() != rows[0].keys() for row in rows):
            self.wait()
            return run_by_sqlalchemy(self.cursor.connection, statement, rows)
        return self._send_many(ready.text, ready.tuples(Batch.of_rows(rows)))

    def fetch(self, queries: Sequence[Query]) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs, on PostgreSQL in one round trip, and return the rows of each."""
        self.wait()
        ready = [
            prepared(
                each.statement,
                tuple(each.parameters),
                self._dialect,
                are_checked=each.are_checked,
            )
            for each in queries
        ]
        sent = [
            (one.text, one.given(each.parameters)) for one, each in zip(ready, queries, strict=True)
        ]
        found = self.cursor.fetch_many(sent)
        return [one.read(rows) for one, rows in zip(ready, found, strict=True)]

    def wait(self) -> None:
        """Do nothing: each statement has been waited for."""
