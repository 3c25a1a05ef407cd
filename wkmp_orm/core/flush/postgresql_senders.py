"""Sends rows to PostgreSQL without SQLAlchemy: as arrays, by COPY, and without waiting.

`CopySender` waits for the answer to each statement. `PipelineSender` waits only when an answer is
needed: one round trip for most of a flush.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.engine.pipeline import Pipeline
from wkmp_orm.core.flush.arrays import array_insert, conflict_of, name_of, names_of
from wkmp_orm.core.flush.ledger import ENTER_LEDGER
from wkmp_orm.core.flush.prepared import POSTGRESQL, prepared, prepared_insert
from wkmp_orm.core.flush.senders import DriverSender
from wkmp_orm.core.flush.statements import advisory_locks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.engine.pipeline import Answer
    from wkmp_orm.core.flush.changes import PendingRow
    from wkmp_orm.core.flush.prepared import PreparedInsert
    from wkmp_orm.core.flush.row_builder import KeySet
    from wkmp_orm.core.flush.senders import Matched
    from wkmp_orm.core.table_info import TableInfo

COPY_FROM: Final = 300
"""The number of rows from which COPY into the table is cheaper than arrays.

Microseconds of processor time per passage, with arrays and with COPY, client and server together:
113 and 106 for 100 rows at once, 83 and 67 for 300, 70 and 61 for 1,000, 58 and 45 for 10,000. The
limit is not 100, because COPY waits for three more answers, and the server may be far away.
"""

STAGE_FROM: Final = 2_000
"""The number of rows from which COPY into a temporary table, created for them, is cheaper.

Artists, measured in the same way: 68 and 77 for 300 rows at once, 49 and 52 for 1,000, 43 and 37
for 3,000.
"""

STAGE: Final = "wkmp_orm_new_"
"""The prefix of such a table's name, before its number in the transaction."""

PIECE: Final = 1_000
"""Rows converted at a time."""


class CopySender(DriverSender):
    """Sends rows as arrays, one per column, and many rows through COPY."""

    def __init__(
        self, cursor: DriverCursor, *, copy_from: int = COPY_FROM, stage_from: int = STAGE_FROM
    ) -> None:
        """Set the numbers of rows from which COPY is used."""
        super().__init__(cursor)
        self._copy_from = copy_from
        self._stage_from = stage_from
        self._may_stage = cursor.connection.info.get("may_stage", True)  # False: no TEMPORARY right
        self._staged = 0
        self.is_copying = False
        """Whether the failed statement is a COPY, before which everything had been answered."""

    def _send(self, text: str, parameters: tuple[Any, ...], _rows: int = 1) -> Matched:
        return self.cursor.execute(text, parameters)

    def without_waiting(self) -> PipelineSender:
        """Return a sender that sends in the same way but does not wait."""
        return PipelineSender(self.cursor, copy_from=self._copy_from, stage_from=self._stage_from)

    def lock(self, names: Sequence[str]) -> None:
        """Take named locks until COMMIT, in their order, in one statement."""
        ready = prepared(advisory_locks(), ("names",), "postgresql")
        self._send(ready.text, ready.given({"names": list(names)}))

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no other writer can have inserted, in one statement or one COPY."""
        if len(rows) < self._copy_from:
            if self._send_arrays(rows, keys, now, if_absent=False) is None:
                super().insert(rows, keys, now)
            return
        self.wait()
        self.is_copying = True
        ready = prepared_insert("postgresql", keys, copied=True)
        into = _copy(name_of(keys.info), keys.info, ready.columns)
        self.cursor.copy(into, _made(ready, rows, now))
        self.is_copying = False

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> Matched:
        """Insert rows whose natural key does not exist, in one statement, after a COPY if many."""
        # A total is checked row by row: within one INSERT no row sees the one before.
        if keys.info.total:
            return super().insert_if_absent(rows, keys, now)
        if len(rows) < self._stage_from or not self._may_stage:
            matched = self._send_arrays(rows, keys, now, if_absent=True)
            return super().insert_if_absent(rows, keys, now) if matched is None else matched
        self.wait()
        self.is_copying = True
        ready = prepared_insert("postgresql", keys, copied=True)
        self._staged += 1  # a transaction may write to a table more than once
        stage = _quoted_name(f"{STAGE}{self._staged}_{keys.info.name}")
        make_stage, insert = _staged(stage, keys.info, ready.columns)
        self.cursor.execute(make_stage)
        self.cursor.copy(_copy(stage, keys.info, ready.columns), _made(ready, rows, now))
        matched = self.cursor.execute(insert)
        self.is_copying = False
        return matched

    def _send_arrays(
        self, rows: Sequence[PendingRow], keys: KeySet, now: datetime, *, if_absent: bool
    ) -> Matched | None:
        """Send rows as arrays; return None if a value has a type whose text form is unknown."""
        ready = array_insert(keys, if_absent=if_absent)
        arrays = ready.arrays(ready.rows.make(rows, now))
        return None if arrays is None else self._send(ready.text, arrays, len(rows))


class PipelineSender(CopySender):
    """Sends without waiting, until an answer is needed."""

    def __init__(
        self, cursor: DriverCursor, *, copy_from: int = COPY_FROM, stage_from: int = STAGE_FROM
    ) -> None:
        """Start with nothing sent."""
        super().__init__(cursor, copy_from=copy_from, stage_from=stage_from)
        self._pipeline = Pipeline(cursor)

    def _send(self, text: str, parameters: tuple[Any, ...], rows: int = 1) -> Matched:
        return self._pipeline.send(text, parameters, rows)

    def _send_many(self, text: str, rows: Sequence[tuple[Any, ...]]) -> Matched:
        return self._pipeline.send_many(text, rows)

    def enter_ledger(self, flush_id: str) -> Answer:
        """Enter a flush's id; the first row of the answer will contain the time."""
        ready = prepared(ENTER_LEDGER, ("id",), "postgresql")
        return self._pipeline.send(ready.text, ready.given({"id": flush_id}))

    def wait(self) -> None:
        """Wait until everything sent has been answered. Raises the first error."""
        self._pipeline.wait()

    def give_up(self) -> None:
        """Ignore the answers that are still missing, if there are any."""
        self._pipeline.give_up()

    def begin_again(self) -> None:
        """Roll back; the next statement starts a new transaction."""
        self._pipeline.begin_again()


def _made(
    ready: PreparedInsert, rows: Sequence[PendingRow], now: datetime
) -> Iterator[tuple[Any, ...]]:
    # In pieces: the server stores the first rows while the next ones are converted.
    for start in range(0, len(rows), PIECE):
        yield from ready.make(rows[start : start + PIECE], now)


@cache
def _copy(into: str, info: TableInfo, columns: tuple[str, ...]) -> str:
    return f"COPY {into} ({names_of(info, columns)}) FROM STDIN"


@cache
def _staged(stage: str, info: TableInfo, columns: tuple[str, ...]) -> tuple[str, str]:
    names, table = names_of(info, columns), name_of(info)
    selected = f"SELECT {names} FROM"
    # Dropped with the transaction: after a DROP psycopg would discard all prepared statements.
    make = f"CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS {selected} {table} WITH NO DATA"
    # In the order in which they were sent, that is, of their keys, as all writers do.
    ordered = f"{selected} {stage} ORDER BY ctid"
    insert = f"INSERT INTO {table} ({names}) {ordered}{conflict_of(info, columns)}"
    return make, insert


def _quoted_name(name: str) -> str:
    return POSTGRESQL.identifier_preparer.quote(name)
