"""How rows are sent to PostgreSQL past SQLAlchemy: as arrays, by COPY, and without waiting.

`CopySender` waits for the answer to each statement. `PipelineSender` waits when somebody has to
know: one round trip for most of a flush.
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
"""From how many rows on COPY into the table takes less than arrays.

Passages, us of processor time a row, arrays and COPY, client and server together: 113 and 106 for
100 at once, 83 and 67 for 300, 70 and 61 for 1,000, 58 and 45 for 10,000. Not for 100, because COPY
waits for three answers more, which may be far away.
"""

STAGE_FROM: Final = 2_000
"""From how many rows on COPY into a temporary table takes less, which is made for them.

Artists, as above: 68 and 77 for 300 at once, 49 and 52 for 1,000, 43 and 37 for 3,000.
"""

STAGE: Final = "wkmp_orm_new_"
"""What the name of such a table begins with, before its number in the transaction."""

PIECE: Final = 1_000
"""Rows that are made at once."""


class CopySender(DriverSender):
    """Sends rows as arrays, one for each column, and many rows through COPY."""

    def __init__(
        self, cursor: DriverCursor, *, copy_from: int = COPY_FROM, stage_from: int = STAGE_FROM
    ) -> None:
        """Choose from how many rows on."""
        super().__init__(cursor)
        self._copy_from = copy_from
        self._stage_from = stage_from
        self._may_stage = cursor.connection.info.get("may_stage", True)  # else TEMPORARY is lacking
        self._staged = 0
        self.is_copying = False
        """Whether what failed is a COPY: everything before it had been answered."""

    def _send(self, text: str, parameters: tuple[Any, ...], _rows: int = 1) -> Matched:
        return self.cursor.execute(text, parameters)

    def without_waiting(self) -> PipelineSender:
        """Return a sender that sends in the same way and waits for nothing."""
        return PipelineSender(self.cursor, copy_from=self._copy_from, stage_from=self._stage_from)

    def lock(self, names: Sequence[str]) -> None:
        """Take named locks until COMMIT, in their order, in one statement."""
        ready = prepared(advisory_locks(), ("names",), "postgresql")
        self._send(ready.text, ready.given({"names": list(names)}))

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no one else can have made, in one statement or one COPY."""
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
        """Insert rows whose natural key is not there: one statement, for many rows a COPY more."""
        # A total is counted row by row: within one INSERT no row sees the one before.
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
        """Send rows as arrays; None if there is a value that is not known to be spelled right."""
        ready = array_insert(keys, if_absent=if_absent)
        arrays = ready.arrays(ready.rows.make(rows, now))
        return None if arrays is None else self._send(ready.text, arrays, len(rows))


class PipelineSender(CopySender):
    """Sends without waiting, until somebody asks what was answered."""

    def __init__(
        self, cursor: DriverCursor, *, copy_from: int = COPY_FROM, stage_from: int = STAGE_FROM
    ) -> None:
        """Begin with nothing sent."""
        super().__init__(cursor, copy_from=copy_from, stage_from=stage_from)
        self._pipeline = Pipeline(cursor)

    def _send(self, text: str, parameters: tuple[Any, ...], rows: int = 1) -> Matched:
        return self._pipeline.send(text, parameters, rows)

    def _send_many(self, text: str, rows: Sequence[tuple[Any, ...]]) -> Matched:
        return self._pipeline.send_many(text, rows)

    def enter_ledger(self, flush_id: str) -> Answer:
        """Enter a flush's id; the answer's first row will have the time."""
        ready = prepared(ENTER_LEDGER, ("id",), "postgresql")
        return self._pipeline.send(ready.text, ready.given({"id": flush_id}))

    def wait(self) -> None:
        """Wait until everything has been answered that was sent. Raises the first error."""
        self._pipeline.wait()

    def give_up(self) -> None:
        """Leave what was sent to itself, if anything was not waited for."""
        self._pipeline.give_up()

    def begin_again(self) -> None:
        """Roll back; the next statement begins the transaction anew."""
        self._pipeline.begin_again()


def _made(
    ready: PreparedInsert, rows: Sequence[PendingRow], now: datetime
) -> Iterator[tuple[Any, ...]]:
    # Piece by piece: the server stores the first rows while we make the next ones.
    for start in range(0, len(rows), PIECE):
        yield from ready.make(rows[start : start + PIECE], now)


@cache
def _copy(into: str, info: TableInfo, columns: tuple[str, ...]) -> str:
    return f"COPY {into} ({names_of(info, columns)}) FROM STDIN"


@cache
def _staged(stage: str, info: TableInfo, columns: tuple[str, ...]) -> tuple[str, str]:
    names, table = names_of(info, columns), name_of(info)
    selected = f"SELECT {names} FROM"
    # It goes with the transaction: at a DROP psycopg would forget all its prepared statements.
    make = f"CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS {selected} {table} WITH NO DATA"
    # In the order in which they came, which is that of their keys: so do all writers.
    ordered = f"{selected} {stage} ORDER BY ctid"
    insert = f"INSERT INTO {table} ({names}) {ordered}{conflict_of(info, columns)}"
    return make, insert


def _quoted_name(name: str) -> str:
    return POSTGRESQL.identifier_preparer.quote(name)
