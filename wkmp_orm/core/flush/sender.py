"""How rows and parameters reach the database inside an open transaction.

There are two ways with equal results: through a SQLAlchemy Session and Core, which listeners to
the engine see, and past them to the driver, which is two to three times as fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.orm import Session

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.row_maker import dictionaries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.batch import Batch
    from wkmp_orm.core.flush.changes import PendingRow
    from wkmp_orm.core.flush.row_maker import KeySet

COUNTED = {"preserve_rowcount": True}


class Sender(Protocol):
    """Sends rows and parameters over one connection; one class for each way of sending.

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
