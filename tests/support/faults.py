"""Database calls that fail on order: the n-th one, before or after it took effect.

Knows SQLAlchemy's dialects; must not know the package that is being tested. What the
errors are like stands in `driver_errors`.

A database call is a connect, an execute, an executemany or a commit; a rollback never fails.
Calls are those that go through SQLAlchemy's dialect, and psycopg's COPY: what else goes through a
driver's own cursor (the PRAGMAs of a `connect` event) passes, and so does the connect of an engine
made with `creator=`.
The first connect of an engine brings calls of the dialect itself: connect once before counting.

    injector = FaultInjector(engine)
    with injector.counting() as calls:
        write(a_fresh_database)
    for number in range(1, len(calls) + 1):
        with injector.failing(number, "after", connection_lost) as fault:
            write(another_fresh_database)
        assert fault.fired
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias
from unittest.mock import patch

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import Dialect, Engine
    from sqlalchemy.pool import PoolProxiedConnection

Kind: TypeAlias = Literal["connect", "execute", "executemany", "commit"]
When: TypeAlias = Literal["before", "after"]
Perform: TypeAlias = "Callable[[], object]"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the database."""

    number: int
    """Counted from 1, over all engines and threads of the injector."""
    kind: Kind
    statement: str
    connection: Any
    """The driver's own connection; None in front of a connect."""
    driver: Any
    """The driver's module, whose errors SQLAlchemy knows on this engine."""

    def __str__(self) -> str:
        """Say which call it is, for assertion messages."""
        return f"{self.number}: {self.kind} {self.statement}".rstrip()


ErrorFactory: TypeAlias = "Callable[[Call], BaseException]"
"""Brings the connection into the state in which the failure leaves it, and returns the error."""


@dataclass(slots=True)
class Fault:
    """An ordered failure: the calls that were seen, and those of them that failed."""

    calls: list[Call] = field(default_factory=list)
    failed: list[Call] = field(default_factory=list)

    @property
    def fired(self) -> bool:
        """Whether any call failed on order."""
        return bool(self.failed)


class FaultInjector:
    """Watches the database calls of engines and makes some of them fail.

    Any thread may use the engines meanwhile; all must have finished when the block is left.
    """

    def __init__(self, *engines: Engine) -> None:
        """Choose the engines; nothing is touched before `counting` or `failing`."""
        # Engines made by `execution_options` share the dialect of the one they came from.
        self._dialects: set[Dialect] = {engine.dialect for engine in engines}

    @contextmanager
    def counting(self) -> Iterator[list[Call]]:
        """Let every call pass and list them."""
        with self._watching(_Order(Fault(), set(), "before", _no_error)) as fault:
            yield fault.calls

    @contextmanager
    def failing(
        self, call: int, when: When, error: ErrorFactory, *, times: int = 1
    ) -> Iterator[Fault]:
        """Make a call, counted from 1, fail, and with `times` also the next ones.

        After a commit that took effect only a lost connection is real, and only on a server:
        every other error, and any error of a local SQLite file, says that nothing was committed.
        """
        numbers = set(range(call, call + times))
        with self._watching(_Order(Fault(), numbers, when, error)) as fault:
            yield fault

    @contextmanager
    def _watching(self, order: _Order) -> Iterator[Fault]:
        with ExitStack() as stack:
            for dialect in self._dialects:
                stack.enter_context(_Interception(dialect, order))
            yield order.fault


@dataclass(slots=True)
class _Order:
    """Which calls fail, when, and how; shared by all engines and threads."""

    fault: Fault
    numbers: set[int]
    when: When
    error: ErrorFactory
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, dialect: Dialect, kind: Kind, statement: str, connection: object) -> Call | None:
        """Take note of a call; return it if it is to fail."""
        with self.lock:
            number = len(self.fault.calls) + 1
            call = Call(number, kind, statement, connection, dialect.loaded_dbapi)
            self.fault.calls.append(call)
            if number not in self.numbers:
                return None
            self.fault.failed.append(call)
            return call

    def meet(
        self,
        dialect: Dialect,
        kind: Kind,
        statement: str,
        connection: object,
        perform: Perform,
    ) -> None:
        """Return if the call shall take its normal way, or raise the ordered error."""
        call = self.take(dialect, kind, statement, connection)
        if call is None:
            return
        if self.when == "before":
            raise self.error(call)
        result = perform()
        if kind != "connect":
            raise self.error(call)
        opened = replace(call, connection=result)
        try:
            raise self.error(opened)
        finally:
            opened.connection.close()


class _Cursor(Protocol):
    """A driver's cursor: all that there are know their connection."""

    connection: object


class _Interception:
    """Stands in front of the database calls of one dialect.

    By its methods and not by its events: a program may have a shorter way to the driver for as long
    as nobody listens, and it is that way which is to fail.
    """

    def __init__(self, dialect: Dialect, order: _Order) -> None:
        self._dialect: Any = dialect  # what its methods take differs from driver to driver
        self._order = order

    def __enter__(self) -> None:
        event.listen(self._dialect, "do_connect", self._connect)
        self._patches = ExitStack()
        for name, kind in _STATEMENTS.items():
            self._patch(name, partial(self._send, getattr(self._dialect, name), kind))
        self._patch("do_commit", partial(self._commit, self._dialect.do_commit))
        if self._dialect.name == "postgresql":
            self._patches.enter_context(self._copies(self._dialect.loaded_dbapi.Cursor))

    def __exit__(self, *_: object) -> None:
        self._patches.close()
        event.remove(self._dialect, "do_connect", self._connect)

    def _patch(self, name: str, replacement: Callable[..., None]) -> None:
        self._patches.enter_context(patch.object(self._dialect, name, replacement))

    def _connect(
        self, dialect: Dialect, _record: object, arguments: list[Any], keywords: dict[str, Any]
    ) -> None:
        perform = partial(dialect.connect, *arguments, **keywords)
        self._order.meet(dialect, "connect", "", None, perform)

    def _send(
        self, send: Callable[..., None], kind: Kind, cursor: _Cursor, statement: str, *rest: object
    ) -> None:
        perform = partial(send, cursor, statement, *rest)
        self._order.meet(self._dialect, kind, statement, cursor.connection, perform)
        perform()

    def _copies(self, cursors: Any) -> AbstractContextManager[object]:
        """Stand in front of COPY, which no dialect has a method for."""
        copy = cursors.copy

        @contextmanager
        def met(cursor: _Cursor, statement: str) -> Iterator[object]:
            order = self._order
            call = order.take(self._dialect, "executemany", statement, cursor.connection)
            if call is not None and order.when == "before":
                raise order.error(call)
            with copy(cursor, statement) as rows:
                yield rows
            if call is not None:
                raise order.error(call)

        return patch.object(cursors, "copy", met)

    def _commit(self, commit: Callable[..., None], proxied: PoolProxiedConnection) -> None:
        perform = partial(commit, proxied)
        self._order.meet(self._dialect, "commit", "", proxied.driver_connection, perform)
        perform()


_STATEMENTS: dict[str, Kind] = {
    "do_execute": "execute",
    "do_execute_no_params": "execute",
    "do_executemany": "executemany",
}


def _no_error(call: Call) -> BaseException:
    return AssertionError(f"nothing was ordered for {call}")
