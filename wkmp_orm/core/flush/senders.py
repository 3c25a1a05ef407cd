"""The two ways to send rows and parameters in an open transaction. Their results are equal.

`SessionSender` goes through a SQLAlchemy Session and Core, where listeners to the engine see every
statement. `DriverSender` gives tuples to the driver, which is two to three times as fast: it saves
what SQLAlchemy does for each row, where `construct_params` and `_collect_insert_commands` led the
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
    """The parameters of one executemany that inserts no rows: all values of each parameter.

    Kept by column, because a whole column is read and converted at once.
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
        if len(names) < 2:  # an itemgetter of one name makes no tuples
            return cls(len(rows), {name: [row[name] for row in rows] for name in names})
        columns = zip(*map(itemgetter(*names), rows), strict=True)
        return cls(len(rows), dict(zip(names, columns, strict=True)))


COUNTED = {"preserve_rowcount": True}

Matched: TypeAlias = int | Answer
"""How many rows a statement matched, or what will say so once the sender has waited."""


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT and its parameters. The statement lives as long as the program: it is compiled once.

    `are_checked`: the parameters' values are spelled as the column types spell them.
    """

    statement: sa.Executable
    parameters: Mapping[str, Any]
    are_checked: bool = False


class Sender(Protocol):
    """What each way of sending does, over one connection.

    `keys` is the key set that all rows get, `now` the flush's time for those that default to it.
    """

    cursor: DriverCursor

    def lock(self, names: Sequence[str]) -> None:
        """Take named locks until COMMIT, in their order (PostgreSQL)."""

    def wait(self) -> None:
        """Wait until everything has been answered that was sent."""

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no one else can have made."""

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> Matched:
        """Insert rows whose natural key is not there, and return how many were not."""

    def execute(self, statement: sa.Executable, batch: Batch) -> Matched:
        """Execute a statement once for all rows and return how many it matched."""

    def run(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> Matched:
        """Execute a statement of the program's for all rows and return how many it matched."""

    def fetch(self, queries: Sequence[Query]) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs and return the rows of each."""


class SessionSender:
    """`Session.bulk_insert_mappings` for new rows, and Core's executemany for everything else."""

    def __init__(self, cursor: DriverCursor) -> None:
        self.cursor = cursor
        self._connection = cursor.connection

    def lock(self, names: Sequence[str]) -> None:
        """Take named locks until COMMIT, in their order (PostgreSQL)."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(statements.advisory_locks(), {"names": list(names)})

    def wait(self) -> None:
        """Do nothing: each statement was waited for."""

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no one else can have made, in one executemany."""
        # Without render_nulls rows that differ in their NULLs become separate executions:
        # 5,000 for 5,000 alternating rows.
        with Session(self._connection) as session:
            session.bulk_insert_mappings(
                keys.info.model, dictionaries(rows, keys, now), render_nulls=True
            )

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> int:
        """Insert rows whose natural key is not there, in one executemany."""
        dialect = self._connection.dialect.name
        statement = statements.insert_if_absent(dialect, keys.info, keys.inserted)
        return self._executemany(statement, dictionaries(rows, keys, now, statements.SET))

    def execute(self, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""
        return self._executemany(statement, batch.rows())

    def run(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> int:
        """Execute a statement of the program's for all rows and return how many it matched."""
        return run_by_sqlalchemy(self._connection, statement, rows)

    def fetch(self, queries: Sequence[Query]) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs, one after the other, and return the rows of each."""
        return [self._connection.execute(each.statement, each.parameters).all() for each in queries]

    def _executemany(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> int:
        return self._connection.execute(statement, rows, execution_options=COUNTED).rowcount


def run_by_sqlalchemy(
    connection: sa.Connection, statement: sa.Executable, rows: list[dict[str, Any]]
) -> int:
    """Execute any statement in SQLAlchemy's own way."""
    result = connection.execute(statement, rows, execution_options=COUNTED)
    if result.returns_rows:  # SQLite's driver does not count what a SELECT finds
        return len(result.all())
    return int(result.rowcount)


class DriverSender:
    """Sends tuples through the driver's executemany. Listeners to the engine do not see them."""

    def __init__(self, cursor: DriverCursor) -> None:
        self.cursor = cursor
        self._dialect = cursor.dialect.name

    def _send_many(self, text: str, rows: Sequence[tuple[Any, ...]]) -> Matched:
        return self.cursor.executemany(text, rows)

    def lock(self, names: Sequence[str]) -> None:
        """Do nothing: whoever writes to SQLite has locked the file."""

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no one else can have made, in one executemany."""
        ready = prepared_insert(self._dialect, keys)
        self._send_many(ready.text, ready.make(rows, now))

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> Matched:
        """Insert rows whose natural key is not there, in one executemany."""
        ready = prepared_insert(self._dialect, keys, if_absent=True)
        return self._send_many(ready.text, ready.make(rows, now))

    def execute(self, statement: sa.Executable, batch: Batch) -> Matched:
        """Execute a statement once for all rows and return how many it matched."""
        ready = prepared(statement, tuple(batch.columns), self._dialect)
        return self._send_many(ready.text, ready.tuples(batch))

    def run(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> Matched:
        """Execute a statement of the program's for all rows and return how many it matched."""
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
        """Do nothing: each statement was waited for."""
