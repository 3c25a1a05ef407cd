"""Measures how long a write's statements wait for PostgreSQL's locks, and limits those waits.

PostgreSQL takes locks in the middle of a transaction and does not report how long it waited for
them. A statement's wait is estimated as its time less two round trips and 1 ms for each row. The
next statement of the transaction may wait only for the rest of the deadline.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from operator import length_hint
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAILED: Final = psycopg.pq.TransactionStatus.INERROR

LEAST_WAIT_S: Final = 0.05
"""A shorter estimate is not counted as a wait: a busy machine explains it."""

ROW_S: Final = 0.001
"""The time allowed for a row: 10 to 30 us is usual, and this allows for a slow disk."""

TOLD_AGAIN_S: Final = 0.1
"""A new lock_timeout is sent after waits of this length in all: sending costs a round trip."""


class LockClock:
    """The lock waits of one connection. Only the thread that uses the connection may call."""

    def __init__(self) -> None:
        """Start outside any write, with an unknown round-trip time."""
        self._may_wait_s: float | None = None
        self._limit_s = 0.0
        self._trip_s = float("inf")
        self._waited_s = 0.0

    def begin(self, deadline: float, limit_s: float) -> None:
        """Start counting, for a transaction that waits until `deadline` (of `time.monotonic`).

        `limit_s` is the connection's own lock_timeout, in seconds.
        """
        self._may_wait_s = deadline - time.monotonic()
        self._limit_s, self._waited_s = limit_s, 0.0

    def end(self) -> float:
        """Stop counting, and return how many seconds the statements have waited."""
        self._may_wait_s = None
        return self._waited_s

    def new_limit_ms(self) -> int | None:
        """Return the lock_timeout for the next statement; None if the present one will do.

        Only waits count against the deadline: the transaction may work for longer.
        """
        if self._may_wait_s is None:
            return None
        left = self._may_wait_s - self._waited_s
        if left > self._limit_s - TOLD_AGAIN_S:
            return None
        self._limit_s = left
        return max(1, round(left * 1000))  # 0 would turn the timeout off

    def took(self, seconds: float, rows: int) -> None:
        """Count a statement that took `seconds` for `rows` rows."""
        self._trip_s = min(self._trip_s, seconds)
        if self._may_wait_s is not None:
            beyond = seconds - 2 * self._trip_s - rows * ROW_S
            if beyond > LEAST_WAIT_S:
                self._waited_s += beyond


_clocks: WeakKeyDictionary[Any, LockClock] = WeakKeyDictionary()


def clock_of(connection: Any) -> LockClock:
    """Return the clock of a psycopg connection."""
    return _clocks.setdefault(connection, LockClock())


class ClockedCursor(psycopg.Cursor[Any]):
    """psycopg's cursor; it reports the time of each statement to its connection's clock.

    The cursor measures because statements reach it by three paths: through a Session, through
    SQLAlchemy's Core, and through `DriverCursor`.
    """

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        self._clock = clock_of(connection)

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        """Execute a statement; see psycopg."""
        self._limit()
        started = time.perf_counter()
        try:
            return super().execute(query, *args, **options)
        finally:
            self._clock.took(time.perf_counter() - started, 1)

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Execute a statement for each set of parameters; see psycopg."""
        self._limit()
        started = time.perf_counter()
        try:
            super().executemany(query, params_seq, **options)
        finally:
            self._clock.took(time.perf_counter() - started, length_hint(params_seq, 1_000))

    @contextmanager
    def copy(self, statement: Any, *args: Any, **options: Any) -> Iterator[psycopg.Copy]:
        """Run a COPY, which waits for the table's lock when it begins; see psycopg."""
        self._limit()
        with ExitStack() as stack:
            started = time.perf_counter()
            try:
                copy = stack.enter_context(super().copy(statement, *args, **options))
            finally:
                self._clock.took(time.perf_counter() - started, 1)
            yield copy

    def _limit(self) -> None:
        limit_ms = self._clock.new_limit_ms()
        # A failed transaction accepts nothing but its ROLLBACK.
        if limit_ms is not None and self._pgconn.transaction_status != _FAILED:
            super().execute(f"SET LOCAL lock_timeout = {limit_ms}")
