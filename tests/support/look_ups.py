"""How a database finds the rows of statements: by which plan, and how many rows it reads for them.

Knows both databases; must not know the package that is being tested.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .interception import intercepting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .interception import DriverCall

_READ_SO_FAR = "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_user_tables"
_STEPS = 10


class Sent:
    """The statements that reached some engines, each once, with the parameters of one sending."""

    def __init__(self) -> None:
        """Start with none."""
        self.parameters: dict[str, Any] = {}

    def remember(self, call: DriverCall) -> None:
        """Take note of a statement that is about to be sent."""
        is_many = call.kind == "executemany"
        self.parameters[call.statement] = call.parameters[0] if is_many else call.parameters

    def plans(self, engine: sa.Engine) -> dict[str, list[str]]:
        """Return the plan of each statement, line by line, for a database with many rows."""
        with engine.connect() as connection:
            explain = "EXPLAIN QUERY PLAN"
            if engine.dialect.name == "postgresql":
                # The tables are small here, and PostgreSQL prefers to read a small table whole.
                connection.exec_driver_sql("SET enable_seqscan = off")
                explain = "EXPLAIN (COSTS OFF)"
            plans = {
                statement: [
                    str(row[-1]).strip()
                    for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
                ]
                for statement, parameters in self.parameters.items()
                if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
            }
            connection.rollback()
        return plans


@contextmanager
def statements_of(*engines: sa.Engine) -> Iterator[Sent]:
    """Give the statements that are sent to these engines inside the block."""
    sent = Sent()
    with intercepting(*engines, before=sent.remember):
        yield sent


@contextmanager
def efforts_of(engine: sa.Engine) -> Iterator[list[int]]:
    """Give what each transaction that is committed inside the block took, whatever the clock says.

    The rows that PostgreSQL read, or the steps of SQLite's virtual machine, by the ten.
    """
    efforts: list[int] = []
    steps = [0]

    def step() -> None:
        steps[0] += 1

    def rows_read(connection: sa.Connection) -> int:
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(_READ_SO_FAR)
            (read,) = cursor.fetchone() or (0,)
            return int(read)

    def begin(connection: sa.Connection) -> None:
        if engine.dialect.name == "sqlite":
            steps[0] = 0
            connection.connection.dbapi_connection.set_progress_handler(step, _STEPS)  # type: ignore[union-attr]
        else:
            # It counts on from one transaction to the next.
            steps[0] = rows_read(connection)

    def commit(connection: sa.Connection) -> None:
        if engine.dialect.name == "sqlite":
            connection.connection.dbapi_connection.set_progress_handler(None, 0)  # type: ignore[union-attr]
            efforts.append(steps[0])
            return
        efforts.append(rows_read(connection) - steps[0])

    sa.event.listen(engine, "begin", begin)
    sa.event.listen(engine, "commit", commit)
    try:
        yield efforts
    finally:
        sa.event.remove(engine, "begin", begin)
        sa.event.remove(engine, "commit", commit)
