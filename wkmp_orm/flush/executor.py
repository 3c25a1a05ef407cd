"""How one executemany reaches the database: the plain way, which is the reference.

Knows statements and parameters, nothing of what they mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy.orm import Session

from wkmp_orm.flush import statements
from wkmp_orm.flush.row_maker import dictionaries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from wkmp_orm.engine.channel import Channel
    from wkmp_orm.flush.batch import Batch
    from wkmp_orm.flush.changes import PendingRow
    from wkmp_orm.flush.row_maker import KeySet

COUNTED = {"preserve_rowcount": True}


class Executor(Protocol):
    """Sends rows and parameters inside an open transaction; one class for each way of sending.

    `keys` is the key set that all rows get, `now` the flush's time for those that default to it.
    """

    def insert(
        self,
        channel: Channel,
        rows: Sequence[PendingRow],
        keys: KeySet,
        now: datetime,
    ) -> None:
        """Insert rows that no one else can have made."""

    def insert_if_absent(
        self,
        channel: Channel,
        rows: Sequence[PendingRow],
        keys: KeySet,
        now: datetime,
    ) -> int:
        """Insert rows whose natural key is not there, and return how many were not."""

    def execute(self, channel: Channel, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""


class PlainExecutor:
    """`Session.bulk_insert_mappings` for new rows and Core's executemany for the rest."""

    def insert(
        self,
        channel: Channel,
        rows: Sequence[PendingRow],
        keys: KeySet,
        now: datetime,
    ) -> None:
        """Insert rows that no one else can have made, in one executemany."""
        # Without render_nulls rows that differ in their NULLs become separate executions:
        # 5,000 for 5,000 alternating rows.
        with Session(channel.connection) as session:
            session.bulk_insert_mappings(
                keys.facts.model, dictionaries(rows, keys, now), render_nulls=True
            )

    def insert_if_absent(
        self,
        channel: Channel,
        rows: Sequence[PendingRow],
        keys: KeySet,
        now: datetime,
    ) -> int:
        """Insert rows whose natural key is not there, in one executemany."""
        statement = statements.insert_if_absent(
            channel.dialect.name, keys.facts.name, keys.inserted
        )
        parameters = dictionaries(rows, keys, now, statements.SET)
        return channel.connection.execute(statement, parameters, execution_options=COUNTED).rowcount

    def execute(self, channel: Channel, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""
        return channel.connection.execute(
            statement, batch.rows(), execution_options=COUNTED
        ).rowcount
