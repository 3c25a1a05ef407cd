"""The fast way to send many rows to PostgreSQL: COPY, into the table or to a table beside it.

It extends `DriverSender`, and its results are the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.driver_sender import DriverSender
from wkmp_orm.core.flush.prepared import POSTGRESQL, prepared_insert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.changes import PendingRow
    from wkmp_orm.core.flush.prepared import PreparedInsert
    from wkmp_orm.core.flush.row_maker import KeySet
    from wkmp_orm.core.table_info import TableInfo

COPY_FROM: Final = 10
"""How many rows are worth a COPY into the table."""

STAGE_FROM: Final = 200
"""How many rows are worth a table beside it, which is made and dropped for them."""

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
        if keys.info.total or len(rows) < self._stage_from:
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
