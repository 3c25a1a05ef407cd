"""What reached the driver, in order, for tests that claim "one transaction, one executemany".

It looks at the dialect's calls of the driver and at psycopg's COPY, so that it sees what production
sends, whether that goes through SQLAlchemy or past it. It does not see the PRAGMAs of a `connect`
event. Must not know the package that is being tested.
"""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .interception import Interception
from .sql_text import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from .interception import DriverCall

Kind: TypeAlias = Literal["begin", "commit", "rollback", "execute", "executemany"]

_ELEMENT = re.compile(r'"(?:[^"\\]|\\.)*"|NULL')
"""An element of an array of PostgreSQL's: rows may be sent as arrays, one for each column."""

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
    """How many sets of parameters: the rows of an executemany, of a list of VALUES or of arrays."""
    parameters: int = 0
    """How many parameters there are in one such set."""
    failed: bool = False
    """Whether it was answered with an error."""

    def __str__(self) -> str:
        """Say it in one line, as "INSERT songs x24", "SELECT songs" or "BEGIN IMMEDIATE"."""
        what = f"{self.verb} {self.table}".rstrip() or self.statement or self.kind.upper()
        many = f" x{self.rows}" if self.rows > 1 else ""
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
        self._open: dict[Any, Recorded] = {}  # sqlite3's connections take no weak references
        self._pending: dict[DriverCall, Recorded] = {}

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

    def _write_transactions(self) -> list[list[Recorded]]:
        groups: dict[int, list[Recorded]] = {}
        with self._lock:
            for one in self.recorded:
                if one.transaction:
                    groups.setdefault(one.transaction, []).append(one)
        return [group for group in groups.values() if any(one.takes_write_lock for one in group)]

    def _number(self, connection: Any) -> int:
        begin = self._open.get(connection)
        return begin.transaction if begin is not None else 0

    def _begin(self, connection: Any, statement: str) -> Recorded:
        # An engine may send BEGIN itself, before the dialect's own turn: both are one BEGIN.
        begin = self._open.get(connection)
        if begin is None or begin.failed:
            self._begun += 1
            self._open[connection] = begin = Recorded("begin", self._begun)
            self.recorded.append(begin)
        if statement:
            begin.statement = statement
        return begin

    def _end(self, connection: Any, kind: Literal["commit", "rollback"]) -> Recorded:
        one = Recorded(kind, self._number(connection))
        # The pool rolls back whatever it gets back; only the end of a transaction is worth a line.
        if self._open.pop(connection, None) is not None:
            self.recorded.append(one)
        return one

    def before(self, call: DriverCall) -> None:
        """Record a call that is about to be made."""
        if call.kind == "connect":
            return
        with self._lock:
            self._pending[call] = self._record(call)

    def after(self, call: DriverCall, error: BaseException | None) -> None:
        """Record how it ended."""
        with self._lock:
            one = self._pending.pop(call, None)
            if one is not None:
                one.failed = error is not None
                one.rows = call.rows or one.rows

    def _record(self, call: DriverCall) -> Recorded:
        connection = call.connection
        if call.kind == "commit" or call.kind == "rollback":  # noqa: PLR1714  mypy narrows by ==
            return self._end(connection, call.kind)
        verb, table, rows = parse(call.statement)
        if call.kind == "begin" or verb == "BEGIN":
            return self._begin(connection, call.statement)
        sets = len(call.parameters)
        if call.kind == "executemany":
            rows, sets = len(call.parameters), len(call.parameters[0])
        else:
            sets //= rows
        is_many = call.kind in ("executemany", "copy") or not call.is_one_statement
        if verb == "INSERT" and "FROM unnest(" in call.statement:
            rows, is_many = len(_ELEMENT.findall(call.parameters[0])), True
            sets = len(call.parameters)
        kind: Kind = "executemany" if is_many else "execute"
        one = Recorded(kind, self._number(connection), call.statement, verb, table, rows, sets)
        self.recorded.append(one)
        return one


@contextmanager
def recording(*engines: Engine) -> Iterator[StatementRecorder]:
    """Record what is sent to these engines inside the block, through one recorder."""
    recorder = StatementRecorder()
    with ExitStack() as stack:
        for dialect in {engine.dialect for engine in engines}:
            stack.enter_context(Interception(dialect, recorder))
        yield recorder


def _statements(group: list[Recorded]) -> list[Recorded]:
    return [one for one in group if one.kind in ("execute", "executemany")]
