"""A writer that reports waits, transactions and COMMITs as spans, and its reports as metrics."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.engine.writer import Writer
from wkmp_orm.core.tracing.write_metrics import OUTCOME, PHASE, record_write

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.core.engine.async_commits import CancelToken
    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.engine.options import EngineOptions
    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.core.spans import Attributes, Span, Tracing, Value


@dataclass(frozen=True, slots=True)
class OpenUnit:
    """A unit of work during its commit, and its span."""

    phase: str
    caller: str
    span: Span


open_unit: Final[ContextVar[OpenUnit | None]] = ContextVar("wkmp_orm_open_unit", default=None)
"""The unit of work that the calling thread is committing."""


class TracedWriter(Writer):
    """Runs write transactions like `Writer`, and reports each to `tracing`."""

    def __init__(self, target: DatabaseTarget, options: EngineOptions, tracing: Tracing) -> None:
        """Create the writer, and record metrics from the reports of all writes."""
        super().__init__(target, options)
        self.tracing = tracing
        self.described = database_attributes(target)
        self._committing = {**self.described, "db.operation.name": "COMMIT"}
        self.monitor.tell(self._take_in)

    @contextmanager
    def reading(self) -> Iterator[DriverCursor]:
        """Yield a connection for reads outside transactions: in a unit of work, its prefetch."""
        with (
            self.tracing.span("prefetch" if open_unit.get() else "read", {}),
            super().reading() as cursor,
        ):
            yield cursor

    @contextmanager
    def transaction(
        self,
        report: WriteReport,
        *,
        deadline: float,
        cancel_token: CancelToken | None = None,
        commit: bool = True,
    ) -> Iterator[DriverCursor]:
        """Run one attempt like `Writer.transaction`.

        Its span starts after the wait and ends when the turn passes to the next writer. It is the
        current span only in a unit of work: another thread may leave a program's own transaction.
        """
        attributes = {PHASE: report.phase}
        is_of_unit = open_unit.get() is not None
        began = time.time_ns()
        with ExitStack() as held, ExitStack() as attempt:
            try:
                cursor = attempt.enter_context(
                    super().transaction(
                        report, deadline=deadline, cancel_token=cancel_token, commit=commit
                    )
                )
            except BaseException as error:
                self.tracing.past("wait", attributes, began, time.time_ns(), error)
                raise
            self.tracing.past("wait", attributes, began, time.time_ns())
            held.enter_context(self.tracing.span("transaction", attributes, is_current=is_of_unit))
            yield cursor

    def _commit(self, connection: sa.Connection, transaction: sa.RootTransaction) -> None:
        with self.tracing.statement("COMMIT", self._committing):
            super()._commit(connection, transaction)

    def _take_in(self, report: WriteReport) -> None:
        record_write(self.tracing, report, self.target.dialect)
        unit = open_unit.get()
        if unit is not None and (unit.phase, unit.caller) == (report.phase, report.caller):
            unit.span.set(_costs(report))


def _costs(report: WriteReport) -> Attributes:
    return {
        OUTCOME: report.outcome,
        "wkmp_orm.wait": report.waited_ms / 1000,
        "wkmp_orm.hold": report.held_ms / 1000,
        "wkmp_orm.attempts": report.attempts,
        "wkmp_orm.sender": report.sender,
        "wkmp_orm.rows": sum(
            counts.inserted + counts.updated + counts.deleted for counts in report.rows.values()
        ),
    }


def database_attributes(target: DatabaseTarget) -> Attributes:
    """Describe a database: its kind and, for a server, its database name and address.

    The path of an SQLite file is left out, because it may contain a user's name.
    """
    described: dict[str, Value] = {"db.system.name": target.dialect}
    if target.path is None:
        given = {
            "db.namespace": target.url.database,
            "server.address": target.url.host,
            "server.port": target.url.port,
        }
        described |= {name: value for name, value in given.items() if value}
    return described
