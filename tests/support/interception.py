"""Stands between SQLAlchemy's dialect and the driver: sees each call, and may make it fail.

By the dialect's methods and not by engine events: a program may send statements past the events,
and it is what reaches the driver that counts. psycopg's COPY has no method of a dialect; it is
intercepted at the driver's cursor. Must not know the package that is being tested.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine.interfaces import ExecuteStyle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Dialect, Engine
    from sqlalchemy.pool import PoolProxiedConnection

Kind: TypeAlias = Literal[
    "connect", "begin", "execute", "executemany", "copy", "commit", "rollback"
]


@dataclass(slots=True, eq=False)
class DriverCall:
    """One call of a driver."""

    dialect: Dialect
    kind: Kind
    statement: str = ""
    connection: Any = None
    """The driver's own connection; None in front of a connect."""
    parameters: Any = ()
    """Of an execute one set of parameters, of an executemany a list of them."""
    is_one_statement: bool = True
    """False for an executemany that SQLAlchemy sends as one INSERT with many VALUES."""
    rows: int = 0
    """How many rows a COPY has sent so far."""


class Watcher(Protocol):
    """What is told of calls. What it raises reaches the program as the driver's error."""

    def before(self, call: DriverCall) -> None:
        """Hear of a call that is about to be made."""

    def after(self, call: DriverCall, error: BaseException | None) -> None:
        """Hear how it ended."""


_watching_copies: list[Watcher] = []


class Interception:
    """Lets a watcher hear of all calls that go through one dialect, for a `with` block."""

    def __init__(self, dialect: Dialect, watcher: Watcher) -> None:
        self._dialect: Any = dialect  # what its methods take differs from driver to driver
        self._watcher = watcher

    def __enter__(self) -> None:
        self._patches = ExitStack()
        event.listen(self._dialect, "do_connect", self._connect)
        for name, kind in _STATEMENTS.items():
            self._patch(name, self._sending(getattr(self._dialect, name), kind))
        for name, kind in _ENDS.items():
            self._patch(name, self._ending(getattr(self._dialect, name), kind))
        # One for all dialects: they share the driver's class of cursors.
        is_first = not any(each is self._watcher for each in _watching_copies)
        if self._dialect.name == "postgresql" and is_first:
            cursors = self._dialect.loaded_dbapi.Cursor
            copies = patch.object(cursors, "copy", self._copying(cursors.copy))
            self._patches.enter_context(copies)
            _watching_copies.append(self._watcher)
            self._patches.callback(_watching_copies.remove, self._watcher)

    def __exit__(self, *_: object) -> None:
        self._patches.close()
        event.remove(self._dialect, "do_connect", self._connect)

    def _patch(self, name: str, replacement: Callable[..., Any]) -> None:
        self._patches.enter_context(patch.object(self._dialect, name, replacement))

    @contextmanager
    def _watched(self, call: DriverCall) -> Iterator[None]:
        self._watcher.before(call)
        try:
            yield
        except BaseException as error:
            self._watcher.after(call, error)
            raise
        self._watcher.after(call, None)

    def _connect(
        self, dialect: Dialect, _record: object, arguments: list[Any], keywords: dict[str, Any]
    ) -> Any:
        call = DriverCall(dialect, "connect")
        with self._watched(call):
            call.connection = dialect.connect(*arguments, **keywords)
        return call.connection

    def _sending(self, send: Callable[..., None], kind: Kind) -> Callable[..., None]:
        def sent(cursor: Any, statement: str, *rest: Any) -> None:
            context = rest[-1]  # before it come the parameters, if there are any
            call = DriverCall(self._dialect, kind, statement, cursor.connection, *rest[:-1])
            if context is not None and context.execute_style is ExecuteStyle.INSERTMANYVALUES:
                call.is_one_statement = False
            with self._watched(call):
                send(cursor, statement, *rest)

        return sent

    def _ending(self, end: Callable[..., None], kind: Kind) -> Callable[..., None]:
        def ended(proxied: PoolProxiedConnection) -> None:
            # The pool resets a connection that has no proxy any more.
            connection = getattr(proxied, "driver_connection", proxied)
            with self._watched(DriverCall(self._dialect, kind, "", connection)):
                end(proxied)

        return ended

    def _copying(self, copy: Callable[..., Any]) -> Callable[..., Any]:
        dialect, watched = self._dialect, self._watched

        @contextmanager
        def copied(cursor: Any, statement: str) -> Iterator[Any]:
            call = DriverCall(dialect, "copy", statement, cursor.connection)
            with watched(call), copy(cursor, statement) as rows:
                yield _Counted(rows, call)

        return copied


class _Counted:
    """A COPY that counts its rows."""

    def __init__(self, copy: Any, call: DriverCall) -> None:
        self._write_row = copy.write_row
        self._call = call

    def write_row(self, row: Any) -> None:
        self._call.rows += 1
        self._write_row(row)


_STATEMENTS: dict[str, Kind] = {
    "do_execute": "execute",
    "do_execute_no_params": "execute",
    "do_executemany": "executemany",
}
_ENDS: dict[str, Kind] = {"do_begin": "begin", "do_commit": "commit", "do_rollback": "rollback"}


@dataclass(slots=True)
class _Functions:
    """A watcher made of functions that are told of the calls that send a statement."""

    sent_before: Callable[[DriverCall], object]
    sent_after: Callable[[DriverCall], object]

    def before(self, call: DriverCall) -> None:
        if call.statement:
            self.sent_before(call)

    def after(self, call: DriverCall, error: BaseException | None) -> None:
        if call.statement and error is None:
            self.sent_after(call)


@contextmanager
def intercepting(
    *engines: Engine,
    before: Callable[[DriverCall], object] = bool,
    after: Callable[[DriverCall], object] = bool,
) -> Iterator[None]:
    """Call functions before and after each statement that reaches the driver of these engines."""
    with ExitStack() as stack:
        for dialect in {engine.dialect for engine in engines}:
            stack.enter_context(Interception(dialect, _Functions(before, after)))
        yield
