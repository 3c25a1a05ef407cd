"""The fast way to send rows: tuples straight to the driver's executemany.

An equal-result replacement of the plain way, tested against it on both databases. It saves what
SQLAlchemy does for each row: `construct_params` and `_collect_insert_commands` led the profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wkmp_orm.flush.prepared import prepared, prepared_insert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.engine.channel import Channel
    from wkmp_orm.flush.batch import Batch
    from wkmp_orm.flush.changes import PendingRow
    from wkmp_orm.flush.row_maker import KeySet


class DriverExecutor:
    """Sends tuples through the driver's executemany."""

    def insert(
        self,
        channel: Channel,
        rows: Sequence[PendingRow],
        keys: KeySet,
        now: datetime,
    ) -> None:
        """Insert rows that no one else can have made, in one executemany."""
        ready = prepared_insert(channel.dialect.name, keys)
        channel.executemany(ready.text, ready.make(rows, now))

    def insert_if_absent(
        self,
        channel: Channel,
        rows: Sequence[PendingRow],
        keys: KeySet,
        now: datetime,
    ) -> int:
        """Insert rows whose natural key is not there, in one executemany."""
        ready = prepared_insert(channel.dialect.name, keys, if_absent=True)
        return channel.executemany(ready.text, ready.make(rows, now))

    def execute(self, channel: Channel, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""
        ready = prepared(statement, tuple(batch.columns), channel.dialect.name)
        return channel.executemany(ready.text, ready.tuples(batch))
