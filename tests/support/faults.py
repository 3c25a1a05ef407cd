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
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .interception import Interception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Dialect, Engine

    from .interception import DriverCall

Kind: TypeAlias = Literal["connect", "execute", "executemany", "commit"]
When: TypeAlias = Literal["before", "after"]


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
    def before(self, call: int, act: Callable[[Call], object]) -> Iterator[list[Call]]:
        """Do something in front of a call, counted from 1, which then takes its normal way.

        What is done must not go through the watched engines.
        """
        with self._watching(_Interruption(Fault(), {call}, "before", _no_error, act=act)) as fault:
            yield fault.calls

    @contextmanager
    def _watching(self, order: _Order) -> Iterator[Fault]:
        with ExitStack() as stack:
            for dialect in self._dialects:
                stack.enter_context(Interception(dialect, order))
            yield order.fault


@dataclass(slots=True)
class _Order:
    """Which calls fail, when, and how; shared by all engines and threads."""

    fault: Fault
    numbers: set[int]
    when: When
    error: ErrorFactory
    lock: threading.Lock = field(default_factory=threading.Lock)
    failing: dict[int, Call] = field(default_factory=dict)
    """Calls that are being made and will fail, by the identity of what the interception saw."""

    def before(self, seen: DriverCall) -> None:
        """Take note of a call, and raise its error if it is to fail unmade."""
        call = self.take(seen)
        if call is not None:
            with self.lock:
                self.fault.failed.append(call)
                self.failing[id(seen)] = call
            if self.when == "before":
                raise self.error(call)

    def take(self, seen: DriverCall) -> Call | None:
        """Take note of a call; return it if it is the one."""
        if seen.kind not in _COUNTED:
            return None
        with self.lock:
            number = len(self.fault.calls) + 1
            call = Call(
                number,
                _COUNTED[seen.kind],
                seen.statement,
                seen.connection,
                seen.dialect.loaded_dbapi,
            )
            self.fault.calls.append(call)
        return call if number in self.numbers else None

    def after(self, seen: DriverCall, error: BaseException | None) -> None:
        """Raise the ordered error of a call that was made."""
        call = self.failing.pop(id(seen), None)
        if call is None or error is not None or self.when == "before":
            return
        if seen.kind != "connect":
            raise self.error(call)
        opened = replace(call, connection=seen.connection)
        try:
            raise self.error(opened)
        finally:
            opened.connection.close()


@dataclass(slots=True)
class _Interruption(_Order):
    """A call in front of which something happens; none fails."""

    act: Callable[[Call], object] = field(kw_only=True)

    def before(self, seen: DriverCall) -> None:
        """Take note of a call, and act if it is the one."""
        call = self.take(seen)
        if call is not None:
            self.act(call)


_COUNTED: dict[str, Kind] = {
    "connect": "connect",
    "execute": "execute",
    "executemany": "executemany",
    "copy": "executemany",
    "commit": "commit",
}


def _no_error(call: Call) -> BaseException:
    return AssertionError(f"nothing was ordered for {call}")
