"""How one executemany reaches the database: the plain way, which is the reference.

Knows statements and parameters, nothing of what they mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy.orm import Session

if TYPE_CHECKING:
    import sqlalchemy as sa

    from wkmp_orm.flush.batch import Batch
    from wkmp_orm.models.facts import TableFacts


class Executor(Protocol):
    """Sends batches inside an open transaction; there is one way for each way of sending."""

    def insert(self, connection: sa.Connection, facts: TableFacts, batch: Batch) -> None:
        """Insert rows whose parameters are named as the columns."""

    def execute(self, connection: sa.Connection, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""


class PlainExecutor:
    """`Session.bulk_insert_mappings` for new rows and Core's executemany for the rest."""

    def insert(self, connection: sa.Connection, facts: TableFacts, batch: Batch) -> None:
        """Insert rows in one executemany."""
        # Without render_nulls rows that differ in their NULLs become separate executions:
        # 5,000 for 5,000 alternating rows.
        with Session(connection) as session:
            session.bulk_insert_mappings(facts.model, batch.rows(), render_nulls=True)

    def execute(self, connection: sa.Connection, statement: sa.Executable, batch: Batch) -> int:
        """Execute a statement once for all rows and return how many it matched."""
        result = connection.execute(
            statement, batch.rows(), execution_options={"preserve_rowcount": True}
        )
        return int(result.rowcount)
