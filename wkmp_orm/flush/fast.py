"""The fast way to send a batch: tuples straight to the driver's executemany.

An equal-result replacement of the plain way, tested against it on both databases. It saves what
SQLAlchemy does for each row: `construct_params` and `_collect_insert_commands` led the profile.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from wkmp_orm.flush.prepared import prepared

if TYPE_CHECKING:
    from wkmp_orm.flush.batch import Batch
    from wkmp_orm.models.facts import TableFacts

_COUNTED = {"preserve_rowcount": True}


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


class DriverExecutor:
    """Sends tuples through the driver's executemany."""

    def insert(self, connection: sa.Connection, facts: TableFacts, batch: Batch) -> None:
        """Insert rows in one executemany."""
        statement = prepared(
            _insert(facts.table), tuple(batch.columns), connection.dialect, insert=True
        )
        connection.exec_driver_sql(statement.text, statement.tuples(batch))

    def execute(self, connection: sa.Connection, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""
        ready = prepared(statement, tuple(batch.columns), connection.dialect)
        result = connection.exec_driver_sql(
            ready.text, ready.tuples(batch), execution_options=_COUNTED
        )
        return int(result.rowcount)
