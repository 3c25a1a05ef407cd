"""Senders that trace each statement as a span, named by OpenTelemetry's conventions.

A name consists of verb and table, with BATCH in front if several rows or queries are sent at once.
Spans never contain values of rows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from wkmp_orm.core.flush.flush import sender_of
from wkmp_orm.core.flush.postgresql_senders import CopySender, PipelineSender
from wkmp_orm.core.flush.senders import DriverSender, SessionSender

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.changes import PendingRow
    from wkmp_orm.core.flush.row_builder import KeySet
    from wkmp_orm.core.flush.senders import Batch, Matched, Query, Sender
    from wkmp_orm.core.spans import Attributes, Span, Tracing, Value
    from wkmp_orm.core.tracing.traced_writer import TracedWriter

    _Sends = DriverSender
else:
    _Sends = object


class _Traced(_Sends):
    """A mixin that adds tracing to a sender, and precedes it in the bases of a class."""

    tracing: Tracing
    described: Attributes

    def listened_to_by(self, tracing: Tracing, described: Attributes) -> None:
        """Report all statements to `tracing`, with the attributes of the database."""
        self.tracing = tracing
        self.described = described

    def lock(self, names: Sequence[str]) -> None:
        """Take named locks, in a span on PostgreSQL; SQLite has none."""
        if self.cursor.dialect.name == "postgresql":
            with self.tracing.span("lock", {}):
                super().lock(names)

    def insert(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> None:
        """Insert rows that no other writer can have inserted."""
        with self._statement("INSERT", keys.info.name, len(rows)):
            super().insert(rows, keys, now)

    def insert_if_absent(self, rows: Sequence[PendingRow], keys: KeySet, now: datetime) -> Matched:
        """Insert rows whose natural key does not exist."""
        with self._statement("INSERT", keys.info.name, len(rows)):
            return super().insert_if_absent(rows, keys, now)

    def execute(self, statement: sa.Executable, batch: Batch) -> Matched:
        """Execute a statement once for all rows."""
        with self._statement(*_verb_and_table(statement), batch.size):
            return super().execute(statement, batch)

    def run(self, statement: sa.Executable, rows: list[dict[str, Any]]) -> Matched:
        """Execute a program's own statement for all rows."""
        with self._statement(*_verb_and_table(statement), len(rows)):
            return super().run(statement, rows)

    def fetch(self, queries: Sequence[Query]) -> list[Sequence[Sequence[Any]]]:
        """Execute SELECTs and return the rows of each."""
        if not queries:
            return super().fetch(queries)
        tables = {_verb_and_table(each.statement)[1] for each in queries}
        with self._statement("SELECT", tables.pop() if len(tables) == 1 else "", len(queries)):
            return super().fetch(queries)

    def _statement(self, verb: str, table: str, size: int) -> AbstractContextManager[Span]:
        operation = f"BATCH {verb}" if size > 1 else verb
        attributes: dict[str, Value] = {**self.described, "db.operation.name": operation}
        if table:
            attributes["db.collection.name"] = table
        if size > 1:
            attributes["db.operation.batch.size"] = size
        return self.tracing.statement(f"{operation} {table}".rstrip(), attributes)


class TracedSessionSender(_Traced, SessionSender):  # type: ignore[misc]  # it returns only numbers
    """Sends through a Session. Instrumentation of SQLAlchemy adds spans below these."""


class TracedDriverSender(_Traced, DriverSender):
    """Sends tuples to SQLite's driver."""


class TracedCopySender(_Traced, CopySender):
    """Sends arrays and COPY to PostgreSQL, and waits for each answer."""

    def without_waiting(self) -> PipelineSender:
        """Return a sender that is traced too."""
        sender = TracedPipelineSender(
            self.cursor, copy_from=self._copy_from, stage_from=self._stage_from
        )
        sender.listened_to_by(self.tracing, self.described)
        return sender


class TracedPipelineSender(_Traced, PipelineSender):
    """Sends without waiting: the span of a statement ends once it is sent."""

    def wait(self) -> None:
        """Wait for the answers, in a span if any are missing."""
        if not self._pipeline.is_open:
            return
        with self.tracing.span("answers", {}):
            super().wait()


_TRACED: Final[dict[type[Any], type[Any]]] = {
    SessionSender: TracedSessionSender,
    DriverSender: TracedDriverSender,
    CopySender: TracedCopySender,
}


def traced_sender_of(writer: TracedWriter) -> Callable[[DriverCursor], Sender]:
    """Return the traced kind of the sender that was chosen when the database was opened."""
    return partial(_made, _TRACED[sender_of(writer)], writer)  # type: ignore[index]


def _made(kind: type[Any], writer: TracedWriter, cursor: DriverCursor) -> Any:
    sender = kind(cursor)
    sender.listened_to_by(writer.tracing, writer.described)
    return sender


_VERBS: Final = ((sa.Insert, "INSERT"), (sa.Update, "UPDATE"), (sa.Delete, "DELETE"))


_described: Final[WeakKeyDictionary[sa.Executable, tuple[str, str]]] = WeakKeyDictionary()
"""The verbs and tables of statements still in use: finding them takes 25 us."""


def _verb_and_table(statement: sa.Executable) -> tuple[str, str]:
    """Return a statement's verb ("SQL" if unknown) and its only table ("" if unknown)."""
    known = _described.get(statement)
    if known is None:
        known = _described[statement] = _found_out(statement)
    return known


def _found_out(statement: sa.Executable) -> tuple[str, str]:
    for kind, verb in _VERBS:
        if isinstance(statement, kind):
            return verb, str(getattr(statement.table, "name", ""))
    if isinstance(statement, sa.Select):
        froms = statement.columns_clause_froms
        return "SELECT", str(getattr(froms[0], "name", "")) if len(froms) == 1 else ""
    return "SQL", ""
