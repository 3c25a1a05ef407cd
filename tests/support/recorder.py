"""What reached the database, in order, for tests that claim "one transaction, one executemany".

Knows SQLAlchemy's engine events; must not know the package that is being tested.

Seen is what goes through a SQLAlchemy `Connection`, `exec_driver_sql` included. Not seen is what
is sent through a driver's own cursor: the PRAGMAs of a `connect` event, and psycopg's COPY (a
test that watches over a COPY reports it with `StatementRecorder.record_copy`).
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import ExecuteStyle

from .sql_text import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Sized

    from sqlalchemy import Engine
    from sqlalchemy.engine.interfaces import DBAPICursor, ExceptionContext, ExecutionContext

Kind: TypeAlias = Literal["begin", "commit", "rollback", "execute", "executemany"]

_DML = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "COPY"})
_WRITING = _DML | {"CREATE", "ALTER", "DROP", "TRUNCATE"}


@dataclass(slots=True)
class Recorded:
    """One thing that a program asked of its database."""

    kind: Kind
    transaction: int
    """Which transaction, counted from 1 over all recorded engines; 0 is outside of any."""
    statement: str = ""
    """The SQL; of a `begin` the text that the program itself sent, as "BEGIN IMMEDIATE"."""
    verb: str = ""
    """INSERT, UPDATE, DELETE, SELECT ...: the one that changes data, where there are several."""
    table: str = ""
    """The table that the verb is about, without its schema."""
    rows: int = 0
    """How many sets of parameters: the rows of an executemany or of a list of VALUES."""
    parameters: int = 0
    """How many parameters there are in one such set."""
    failed: bool = False
    """Whether it was answered with an error."""

    def __str__(self) -> str:
        """Say it in one line, as "INSERT songs x24", "SELECT songs" or "BEGIN IMMEDIATE"."""
        what = f"{self.verb} {self.table}".rstrip() or self.statement or self.kind.upper()
        many = f" x{self.rows}" if self.kind == "executemany" else ""
        return what + many + (" failed" if self.failed else "")

    @property
    def is_dml(self) -> bool:
        """Whether rows were written."""
        return self.verb in _DML

    @property
    def takes_write_lock(self) -> bool:
        """Whether a transaction that contains this is a write transaction."""
        return self.verb in _WRITING or re.search("IMMEDIATE|EXCLUSIVE", self.statement) is not None


class StatementRecorder:
    """A list of what reached the database, with the questions that tests ask of it.

    Any thread may be recorded and may ask.
    """

    def __init__(self) -> None:
        """Start with an empty list; `recording` attaches a recorder to engines."""
        self.recorded: list[Recorded] = []
        self._lock = threading.Lock()
        self._begun = 0
        self._open: WeakKeyDictionary[Connection, Recorded] = WeakKeyDictionary()
        self._last: WeakKeyDictionary[Connection, Recorded] = WeakKeyDictionary()

    @property
    def transactions(self) -> list[list[Recorded]]:
        """The statements of each committed write transaction, in the order of their BEGINs.

        A write transaction contains DML or DDL, or began as IMMEDIATE. One whose COMMIT was
        answered with an error is not committed here, whatever became of it in the database.
        """
        return [
            _statements(group)
            for group in self._write_transactions()
            if any(one.kind == "commit" and not one.failed for one in group)
        ]

    @property
    def attempts(self) -> list[list[Recorded]]:
        """The statements of each write transaction, also of those that failed, even at BEGIN."""
        return [_statements(group) for group in self._write_transactions()]

    def dml(self) -> list[Recorded]:
        """Return the statements that wrote rows, in order, whatever became of them."""
        with self._lock:
            return [one for one in self.recorded if one.is_dml]

    def selects_inside_transactions(self) -> list[Recorded]:
        """Return the SELECTs between the BEGIN and the end of write transactions."""
        return [
            one for group in self._write_transactions() for one in group if one.verb == "SELECT"
        ]

    def clear(self) -> None:
        """Forget what was recorded so far."""
        with self._lock:
            self.recorded.clear()

    def record_copy(self, connection: Connection, table: str, rows: int) -> None:
        """Record a COPY that was sent through the driver's cursor, where no event sees it."""
        with self._lock:
            copy = Recorded("executemany", self._number(connection), f"COPY {table}", "COPY", table)
            copy.rows = rows
            self._append(connection, copy)

    def _write_transactions(self) -> list[list[Recorded]]:
        groups: dict[int, list[Recorded]] = {}
        with self._lock:
            for one in self.recorded:
                if one.transaction:
                    groups.setdefault(one.transaction, []).append(one)
        return [group for group in groups.values() if any(one.takes_write_lock for one in group)]

    def _number(self, connection: Connection) -> int:
        begin = self._open.get(connection)
        return begin.transaction if begin is not None else 0

    def _append(self, connection: Connection, one: Recorded) -> None:
        self.recorded.append(one)
        self._last[connection] = one

    def _begin(self, connection: Connection, statement: str) -> None:
        # An engine may send BEGIN itself out of its own listener for the `begin` event: it comes
        # before our listener or after it, and both are one BEGIN.
        begin = self._open.get(connection)
        if begin is None or begin.failed:
            self._begun += 1
            self._open[connection] = begin = Recorded("begin", self._begun)
            self._append(connection, begin)
        if statement:
            begin.statement = statement

    def _end(self, connection: Connection, kind: Literal["commit", "rollback"]) -> None:
        self._append(connection, Recorded(kind, self._number(connection)))
        self._open.pop(connection, None)

    def on_begin(self, conn: Connection) -> None:
        """Listen to the event `begin`."""
        with self._lock:
            self._begin(conn, "")

    def on_commit(self, conn: Connection) -> None:
        """Listen to the event `commit`."""
        with self._lock:
            self._end(conn, "commit")

    def on_rollback(self, conn: Connection) -> None:
        """Listen to the event `rollback`."""
        with self._lock:
            self._end(conn, "rollback")

    def on_statement(
        self,
        conn: Connection,
        _cursor: DBAPICursor,
        statement: str,
        parameters: Sequence[Sized],
        context: ExecutionContext | None,
        executemany: bool,  # noqa: FBT001
    ) -> None:
        """Listen to the event `before_cursor_execute`."""
        verb, table, rows = parse(statement)
        sets = len(parameters)
        if executemany and not _is_one_statement(context):
            rows, sets = len(parameters), len(parameters[0])
        else:
            sets //= rows
        with self._lock:
            if verb == "BEGIN":
                self._begin(conn, statement)
                return
            kind: Kind = "executemany" if executemany else "execute"
            number = self._number(conn)
            self._append(conn, Recorded(kind, number, statement, verb, table, rows, sets))

    def on_error(self, exception_context: ExceptionContext) -> None:
        """Listen to the event `handle_error`."""
        connection, statement = exception_context.connection, exception_context.statement
        # With a statement but without its context it could not be sent at all. (The attribute
        # that tells more, `cursor`, is declared and not set in SQLAlchemy 2.1.9.)
        sent = statement is None or exception_context.execution_context is not None
        if connection is None or not sent:
            return
        with self._lock:
            last = self._last.get(connection)
            if last is not None:
                last.failed = True


@contextmanager
def recording(*engines: Engine) -> Iterator[StatementRecorder]:
    """Record what is sent to these engines inside the block, through one recorder."""
    recorder = StatementRecorder()
    listeners: dict[str, Callable[..., None]] = {
        "begin": recorder.on_begin,
        "commit": recorder.on_commit,
        "rollback": recorder.on_rollback,
        "before_cursor_execute": recorder.on_statement,
        "handle_error": recorder.on_error,
    }
    for engine in engines:
        for name, listener in listeners.items():
            event.listen(engine, name, listener)
    try:
        yield recorder
    finally:
        for engine in engines:
            for name, listener in listeners.items():
                event.remove(engine, name, listener)


def _statements(group: list[Recorded]) -> list[Recorded]:
    return [one for one in group if one.kind in ("execute", "executemany")]


def _is_one_statement(context: ExecutionContext | None) -> bool:
    """Whether SQLAlchemy makes one INSERT with many VALUES out of an executemany."""
    return context is not None and context.execute_style is ExecuteStyle.INSERTMANYVALUES
