"""Sends rows as tuples straight to the driver's executemany.

Its results are those of `SessionSender`; tests compare them on both databases. It saves what
SQLAlchemy does for each row: `construct_params` and `_collect_insert_commands` led the profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wkmp_orm.core.flush import statements
from wkmp_orm.core.flush.prepared import prepared, prepared_insert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.batch import Batch
    from wkmp_orm.core.flush.changes import PendingRow
    from wkmp_orm.core.flush.row_maker import KeySet


class DriverSender:
    """Sends tuples through the driver's executemany. Nobody who listens to the engine sees them."""

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
