"""The two ways to send rows and parameters in an open transaction. Their results are equal.

`SessionSender` goes through a SQLAlchemy Session and Core, where listeners to the engine see every
statement. `DriverSender` gives tuples to the driver, which is two to three times as fast: it saves
what SQLAlchemy does for each row, where `construct_params` and `_collect_insert_commands` led the
profile. `CopySender` extends it for PostgreSQL, with COPY for many rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy.orm import Session

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.prepared import POSTGRESQL, prepared, prepared_insert
from wkmp_orm.core.flush.row_builder import dictionaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.changes import PendingRow
    from wkmp_orm.core.flush.prepared import PreparedInsert
    from wkmp_orm.core.flush.row_builder import KeySet
    from wkmp_orm.core.table_info import TableInfo


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
        return cls(len(rows), {name: [row[name] for row in rows] for name in rows[0]})


COUNTED = {"preserve_rowcount": True}


class Sender(Protocol):
    """What each way of sending does, over one connection.

    `keys` is the key set that all rows get, `now` the flush's time for those that default to it.
    """

    cursor: DriverCursor

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no one else can have made."""

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> int:
        """Insert rows whose natural key is not there, and return how many were not."""

    def execute(self, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""

    def fetch(self, select: sa.Select[Any], keys: Any) -> Sequence[Sequence[Any]]:
        """Execute a `statements.select_by` for the keys, as `keys_parameter` spells them."""


class SessionSender:
    """`Session.bulk_insert_mappings` for new rows, and Core's executemany for everything else."""

    def __init__(self, cursor: DriverCursor) -> None:
        self.cursor = cursor
        self._connection = cursor.connection

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

    def fetch(self, select: sa.Select[Any], keys: Any) -> Sequence[Sequence[Any]]:
        """Execute a SELECT for the keys."""
        return self._connection.execute(select, {statements.KEYS: keys}).all()

    def _executemany(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> int:
        return self._connection.execute(statement, rows, execution_options=COUNTED).rowcount


class DriverSender:
    """Sends tuples through the driver's executemany. Listeners to the engine do not see them."""

    def __init__(self, cursor: DriverCursor) -> None:
        self.cursor = cursor
        self._dialect = cursor.dialect.name

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no one else can have made, in one executemany."""
        ready = prepared_insert(self._dialect, keys)
        self.cursor.executemany(ready.text, ready.make(rows, now))

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> int:
        """Insert rows whose natural key is not there, in one executemany."""
        ready = prepared_insert(self._dialect, keys, if_absent=True)
        return self.cursor.executemany(ready.text, ready.make(rows, now))

    def execute(self, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""
        ready = prepared(statement, tuple(batch.columns), self._dialect)
        return self.cursor.executemany(ready.text, ready.tuples(batch))

    def fetch(self, select: sa.Select[Any], keys: Any) -> Sequence[Sequence[Any]]:
        """Execute a SELECT for the keys."""
        return prepared(select, (statements.KEYS,), self._dialect).fetch(self.cursor, keys)


COPY_FROM: Final = 10
"""From how many rows on COPY into the table is faster."""

STAGE_FROM: Final = 200
"""From how many rows on COPY into a temporary table is faster, which is made for them."""

STAGE: Final = "wkmp_orm_new_"
"""What the name of such a table begins with, before its number in the transaction."""

PIECE: Final = 1_000
"""Rows that are made at once."""


class CopySender(DriverSender):
    """Sends many rows through COPY, and few as the driver's executemany."""

    def __init__(
        self, cursor: DriverCursor, *, copy_from: int = COPY_FROM, stage_from: int = STAGE_FROM
    ) -> None:
        """Choose from how many rows on."""
        super().__init__(cursor)
        self._copy_from = copy_from
        self._stage_from = stage_from
        self._may_stage = cursor.connection.info.get("may_stage", True)  # else TEMPORARY is lacking
        self._staged = 0

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no one else can have made, in one COPY."""
        if len(rows) < self._copy_from:
            super().insert(rows, keys, now)
            return
        ready = prepared_insert("postgresql", keys, copied=True)
        self.cursor.copy(_copy(_name(keys.info), keys.info, ready.columns), _made(ready, rows, now))

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> int:
        """Insert rows whose natural key is not there: one COPY beside the table, one INSERT."""
        # A total is counted row by row: within one INSERT no row sees the one before.
        if keys.info.total or len(rows) < self._stage_from or not self._may_stage:
            return super().insert_if_absent(rows, keys, now)
        ready = prepared_insert("postgresql", keys, copied=True)
        self._staged += 1  # a transaction may write to a table more than once
        stage = _quoted_name(f"{STAGE}{self._staged}_{keys.info.name}")
        make_stage, insert = _staged(stage, keys.info, ready.columns)
        self.cursor.execute(make_stage)
        self.cursor.copy(_copy(stage, keys.info, ready.columns), _made(ready, rows, now))
        return self.cursor.execute(insert)


def _made(
    ready: PreparedInsert, rows: Sequence[PendingRow], now: datetime
) -> Iterator[tuple[Any, ...]]:
    # Piece by piece: the server stores the first rows while we make the next ones.
    for start in range(0, len(rows), PIECE):
        yield from ready.make(rows[start : start + PIECE], now)


@cache
def _copy(into: str, info: TableInfo, columns: tuple[str, ...]) -> str:
    return f"COPY {into} ({_quoted(info, columns)}) FROM STDIN"


@cache
def _staged(stage: str, info: TableInfo, columns: tuple[str, ...]) -> tuple[str, str]:
    names, table = _quoted(info, columns), _name(info)
    selected = f"SELECT {names} FROM"
    # It goes with the transaction: at a DROP psycopg would forget all its prepared statements.
    make = f"CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS {selected} {table} WITH NO DATA"
    # In the order in which they came, which is that of their keys: so do all writers.
    ordered = f"{selected} {stage} ORDER BY ctid"
    whole = statements.insert_if_absent("postgresql", info, columns).compile(dialect=POSTGRESQL)
    _, _, conflict = str(whole).rpartition("ON CONFLICT")  # an index may be over an expression
    insert = f"INSERT INTO {table} ({names}) {ordered} ON CONFLICT{conflict}"
    return make, insert


def _quoted_name(name: str) -> str:
    return POSTGRESQL.identifier_preparer.quote(name)


def _name(info: TableInfo) -> str:
    return POSTGRESQL.identifier_preparer.format_table(info.table)


def _quoted(info: TableInfo, columns: Sequence[str]) -> str:
    quote = POSTGRESQL.identifier_preparer.format_column
    return ", ".join(quote(info.table.c[name]) for name in columns)
